// Test vectors of other people, in a module of their own so that nothing of theirs is in ours. The test downloads it.
module github.com/selfsame-build/selfsame/signing/testdata/wycheproof

go 1.26.4

require github.com/c2sp/wycheproof v0.0.0-20260902155932-3fa63dd0344a
