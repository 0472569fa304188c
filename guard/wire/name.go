package wire

import (
	"fmt"
	"strings"
)

// MaxName is the greatest length of an image reference, in bytes.
const MaxName = 512

// Repository gives the repository of a reference (registry.example.com/team/shop) without tag and digest, as evidence names it: what names
// no registry is on Docker Hub. An image's bare id has no repository, and is an error.
func Repository(ref string) (string, error) {
	if ref == "" || len(ref) > MaxName {
		return "", fmt.Errorf("an image's name has between 1 and %d bytes, not %d", MaxName, len(ref))
	}
	repo, _, _ := strings.Cut(ref, "@")
	if strings.HasPrefix(ref, "sha256:") {
		return "", fmt.Errorf("%.80q is an image's id; nobody knows its repository", ref)
	}
	if i := strings.LastIndexByte(repo, ':'); i > strings.LastIndexByte(repo, '/') {
		repo = repo[:i]
	}
	host, path, many := strings.Cut(repo, "/")
	switch {
	case !many || !strings.ContainsAny(host, ".:") && host != "localhost":
		host, path = "docker.io", repo
	case host == "index.docker.io":
		host = "docker.io"
	}
	if host == "docker.io" && path != "" && !strings.Contains(path, "/") {
		path = "library/" + path
	}
	for _, part := range strings.Split(path, "/") {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" || part[0] == '.' {
			return "", fmt.Errorf("%.80q is not the name of an image", ref)
		}
	}
	if strings.ContainsAny(host, " \t\r\n\"\\") {
		return "", fmt.Errorf("%.80q is not the name of an image", ref)
	}
	return host + "/" + path, nil
}

// IsDigest says whether s is a sha256 digest as it is written everywhere.
func IsDigest(s string) bool {
	hex, ok := strings.CutPrefix(s, "sha256:")
	return ok && len(hex) == 64 && strings.Trim(hex, "0123456789abcdef") == ""
}
