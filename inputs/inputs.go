// Package inputs holds everything that may enter a build: the store of sealed bytes, and the HTTP server through which a
// build reaches them.
//
// A build has no network. BuildKit's proxy asks our source policy about each GET of each step; the policy converts it
// to a URL of a Server (ConvertURL), and the Server answers from the store. A recorder asks the real upstream the first
// time a key is seen and keeps the answer; a sealed server knows only the answers that the lock names, and counts every
// other request as a miss. Both serve the very same status, headers and bytes for one key (URL and Accept), so a step
// cannot tell recording from replay.
//
//	store, err := inputs.Open(dir)                         // an OCI image layout, shared between processes
//	srv, err := inputs.NewRecorder(store, token, opts)     // or NewSealed(store, token, lock.Entries)
//	err = srv.Start(listener, "")                          // then srv.ConvertURL for the policy callback
//	...solve...
//	entries, orphans := srv.Entries(platform, steps)       // recorder: the lines of the lock
//	misses := srv.Misses()                                 // sealed: any miss fails the build
package inputs
