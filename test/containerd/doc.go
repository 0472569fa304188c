// Package containerd runs a real containerd, with all its state below a temporary folder, for tests of the gates on a node: image
// verifiers at pull, NRI plugins at start. The programs are built by tools/build (`tools/build containerd` prints their folder) and
// found by SELFSAME_CONTAINERD, which `make test` sets. Tests need root and runc; without them they skip. Containers are made as the
// kubelet makes them, through CRI; their pods use the host's network.
//
//	node := containerd.Start(t, containerd.Options{
//		Verifiers: dir,                                           // programs that are asked before an image is pulled
//		NRI:       &containerd.NRI{Required: []string{"selfsame"}},  // plugins connect to node.NRISocket
//	})
//	image := containerd.NewImage(t, "hello")                     // an index with one image: prints "hello", waits for SIGTERM
//	server, err := local.Serve(t.Context(), local.Options{Dir: t.TempDir()}) // our own registry, or any other on loopback
//	err = image.Push(t.Context(), server.Host, "demo/app", "v1")
//	node.PlainHTTP(t, server.Host)
//	digested, err := node.Pull(t.Context(), server.Host+"/demo/app:v1")   // err has the verifier's words
//	pod, err := node.RunPod(t.Context(), "p", nil)
//	id, err := pod.Run(t.Context(), containerd.Container{Name: "c", Image: digested})
//
// A pull is checked only where containerd itself fetches: node.Ctr("images", "import", ...) is not, and one of several settings
// (Options.Config) switches the check off in silence. Node.ConfigFile is the whole configuration, for whoever judges it.
package containerd
