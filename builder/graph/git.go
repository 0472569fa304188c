package graph

import (
	"context"
	"net/url"
	"path"
	"strings"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// Git is a commit that the build adds (`ADD https://host/repo.git#ref:folder /dst`).
type Git struct {
	URL      string
	Ref      string // branch, tag or commit; empty: the remote's HEAD
	Folder   string // below the repository's root; empty: all of it
	Checksum string // the author's own word on the commit, whole or its beginning; empty: none
	// NoSubmodules leaves them out.
	NoSubmodules bool
	Step         string // place in the author's file
}

// Key is what the lock calls it.
func (g Git) Key() string {
	key := g.URL + "#" + g.Ref
	if g.Folder != "" {
		key += ":" + g.Folder
	}
	if g.NoSubmodules {
		key += "?submodules=false"
	}
	return key
}

// gits finds what stands for each repository that the build adds: a folder of the store, with the commit's files as git checks them
// out. The daemon never speaks to a repository itself.
func (c *compiler) gits(ctx context.Context) error {
	d := &Draft{def: c.def}
	users := d.users()
	for _, dt := range c.def.Def {
		var op pb.Op
		if err := op.Unmarshal(dt); err != nil {
			return err
		}
		src := op.GetSource()
		if src == nil {
			continue
		}
		file, line := d.place(users[digest.FromBytes(dt)])
		if bad := refuseCredentials(src); bad != nil {
			return bad.WithAt(diag.Position{File: file, Line: line}, "")
		}
		if !strings.HasPrefix(src.Identifier, "git://") {
			continue
		}
		g, bad := readGit(src)
		g.Step = placeName(file, line)
		if bad != nil {
			return bad.WithAt(diag.Position{File: file, Line: line}, "")
		}
		manifest, err := c.in.Git(ctx, g)
		if err != nil {
			return err
		}
		p, err := platforms.Parse(c.in.Platform)
		if err != nil {
			return err
		}
		if c.replaced[source{src.Identifier, platformOf(&op)}], err = marshal(ctx, stored("git", manifest, p), c.in.Platform); err != nil {
			return err
		}
	}
	return nil
}

// refuseCredentials refuses an address that holds some, before anything is said or asked of it. The user of an ssh address is none: it is
// "git" nearly everywhere.
func refuseCredentials(s *pb.SourceOp) *diag.Diagnostic {
	for _, address := range []string{s.Identifier, s.Attrs[pb.AttrFullRemoteURL]} {
		u, err := url.Parse(address)
		if err != nil || u.User == nil {
			continue
		}
		if _, password := u.User.Password(); u.Scheme == "ssh" && !password {
			continue
		}
		return diag.Errorf("A0308", "an address at `%s` holds credentials", u.Host).
			WithWhy("the Dockerfile, the lock and the evidence are published").
			WithHelp("write it without them; for a repository, use ssh with an agent: `selfsame lock --ssh default`")
	}
	return nil
}

// readGit reads BuildKit's source op; its identifier ends in #ref:folder.
func readGit(s *pb.SourceOp) (Git, *diag.Diagnostic) {
	_, fragment, _ := strings.Cut(s.Identifier, "#")
	ref, folder, _ := strings.Cut(fragment, ":")
	g := Git{URL: s.Attrs[pb.AttrFullRemoteURL], Ref: ref, Folder: strings.TrimPrefix(path.Join("/", folder), "/"),
		Checksum: s.Attrs[pb.AttrGitChecksum], NoSubmodules: s.Attrs[pb.AttrGitSkipSubmodules] == "true"}
	if s.Attrs[pb.AttrKeepGitDir] == "true" {
		return g, diag.Errorf("A0305", "`%s` is added with its .git folder", g.URL).
			WithWhy("git writes times and packs of its own choice there, so no two are alike").WithHelp("remove `--keep-git-dir` from the ADD")
	}
	return g, nil
}
