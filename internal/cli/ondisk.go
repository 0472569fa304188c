package cli

import (
	"context"
	"os"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
)

// codeNoLayout is A0518: a path of this machine that is no image.
const codeNoLayout diag.Code = "A0518"

// onDisk opens the image that ref means if that is a path of this machine: the folder of an OCI layout, or FOLDER@sha256:... as `selfsame
// build` prints it. For anything else the layout is nil, and ref is a registry's. What names a registry and a digest is never a folder: gates
// verify by such references, and a folder's evidence need not bear the image's name. A0518: the path has no such image.
func onDisk(ctx context.Context, ref string) (*layout.Layout, artifact.Descriptor, error) {
	path, want := ref, digest.Digest("")
	if before, hex, ok := strings.Cut(ref, "@sha256:"); ok {
		if namesRegistry(before) {
			return nil, artifact.Descriptor{}, nil
		}
		path, want = before, digest.Digest("sha256:"+hex)
	}
	st, err := os.Stat(path)
	const help = "give the folder of an OCI layout, or a reference as in registry.example.com/team/shop:v1"
	switch {
	case err != nil && (strings.HasPrefix(path, "/") || strings.HasPrefix(path, ".")): // no reference begins so
		return nil, artifact.Descriptor{}, diag.Errorf(codeNoLayout, "there is nothing at `%s`", path).WithHelp(help)
	case err != nil:
		return nil, artifact.Descriptor{}, nil
	case !st.IsDir():
		return nil, artifact.Descriptor{}, diag.Errorf(codeNoLayout, "`%s` is a file, not a folder", path).WithHelp(help)
	}
	l, err := layout.Open(path)
	if err != nil {
		return nil, artifact.Descriptor{}, err
	}
	if want == "" {
		root, err := l.Root(ctx)
		return l, root, err
	}
	if !l.Has(want) {
		return nil, artifact.Descriptor{}, diag.Errorf(codeNoLayout, "`%s` has no image %s", path, want).
			WithHelp("leave the digest out if there is one image; `selfsame show " + path + "` says which")
	}
	root, _, err := l.Manifest(ctx, want)
	return l, root, err
}

// namesRegistry says whether a name begins with a registry's host, as docker's references tell it from a path: by a dot or a port, or it is localhost.
func namesRegistry(name string) bool {
	host, _, more := strings.Cut(name, "/")
	return strings.ContainsAny(host, ".:") && !strings.HasPrefix(name, ".") || more && host == "localhost"
}
