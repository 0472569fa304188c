// Package layout reads and writes an OCI image layout on disk (image-spec image-layout.md): `oci-layout`, `index.json` and
// `blobs/sha256/`.
//
// An image made here is an index; its evidence lies beside it as artifacts whose manifests are listed in index.json too, so
// that `selfsame verify DIR` needs no registry, and a push carries the evidence along. index.json is the only file that
// changes: it is replaced as a whole by rename, under a lock, and no entry of another program is dropped.
package layout
