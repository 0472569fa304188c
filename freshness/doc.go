// Package freshness is for statements of which only the newest counts: deny lists and release indexes.
//
// A signature holds for ever, so whoever serves old evidence serves genuine evidence. Such a statement therefore has a sequence number
// that only grows and a time at which it ends (provenance.Edition), and a verifier remembers the highest number that it has seen
// (Memory): it refuses an older one, as TUF's clients do for snapshot and timestamp. A verifier without a memory is given the least
// number that it may take, and its verdict says that it remembers nothing.
//
// What cannot be read, has ended, or is older than what was seen decides nothing (exit 17): a mirror that lags looks just like one that
// lies. What is there and is signed by nobody who may, is invalid (15).
package freshness
