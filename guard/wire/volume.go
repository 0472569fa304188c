package wire

import "strings"

// ImageVolume says whether a mount's source is where containerd mounts image volumes (internal/cri/server/helpers.go, getImageVolumeHostPath):
// state folder, image-volumes, sandbox, the hexadecimal part of the digest that the image's name led to, and where only a part is mounted its
// path. digest is empty where that part is of no sha256 digest: it is an image, and nobody can be asked about it.
func ImageVolume(source string) (sandbox, digest string, ok bool) {
	_, path, ok := strings.Cut(source, "/image-volumes/")
	if !ok {
		return "", "", false
	}
	sandbox, path, _ = strings.Cut(path, "/")
	part, _, _ := strings.Cut(path, "/")
	if digest = "sha256:" + part; !IsDigest(digest) {
		digest = ""
	}
	return sandbox, digest, IsDigest("sha256:" + sandbox)
}
