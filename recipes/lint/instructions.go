package lint

import (
	"maps"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/dfgitutil"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// stage walks the instructions of one stage, with the variables that are set so far.
func (f *dockerfile) stage(s instructions.Stage, final bool) {
	env := f.inherited(s)
	posix := true
	for _, c := range s.Commands {
		switch c := c.(type) {
		case *instructions.EnvCommand:
			for _, kv := range c.Env {
				env[kv.Key] = kv.Value
				f.nativeFlag(kv.Value, c.Location())
			}
		case *instructions.ArgCommand:
			for _, kv := range c.Args {
				if kv.Value != nil {
					env[kv.Key] = *kv.Value
					f.nativeFlag(*kv.Value, c.Location())
				} else if v, ok := f.recipe.Build.Args[kv.Key]; ok {
					env[kv.Key] = v
				}
			}
		case *instructions.ShellCommand:
			posix = len(c.Shell) > 0 && shells[base(c.Shell[0])]
		case *instructions.AddCommand:
			f.addURL(c)
			f.written(c.SourceContents, c.Location())
		case *instructions.CopyCommand:
			f.copyFrom(c.From, c.Location())
			f.written(c.SourceContents, c.Location())
		case *instructions.RunCommand:
			f.run(c, env, final, posix)
		}
	}
}

// inherited are the variables that s gets by ENV from the stages it is built on.
func (f *dockerfile) inherited(s instructions.Stage) map[string]string {
	env := map[string]string{}
	index := len(f.stages)
	for i := range f.stages {
		if len(f.stages[i].Location) > 0 && len(s.Location) > 0 && f.stages[i].Location[0] == s.Location[0] {
			index = i
		}
	}
	for i, ok := f.stageNamed(f.expand(s.BaseName), index); ok; i, ok = f.stageNamed(f.expand(f.stages[i].BaseName), i) {
		from := map[string]string{}
		for _, c := range f.stages[i].Commands {
			if e, isEnv := c.(*instructions.EnvCommand); isEnv {
				for _, kv := range e.Env {
					from[kv.Key] = kv.Value
				}
			}
		}
		maps.Copy(from, env)
		env = from
	}
	return env
}

// addURL wants a checksum for each download. A git repository needs none: its commit is pinned by the lock.
func (f *dockerfile) addURL(c *instructions.AddCommand) {
	if c.Checksum != "" {
		return
	}
	for _, src := range c.SourcePaths {
		if !strings.HasPrefix(src, "http://") && !strings.HasPrefix(src, "https://") {
			continue
		}
		if _, isGit, _ := dfgitutil.ParseGitRef(src); isGit {
			continue
		}
		why := "the author's word on which bytes are right is missing"
		if strings.HasPrefix(src, "http://") {
			why += ", and so is encryption on the way"
		}
		at, line := f.find(c.Location(), src)
		f.warn(diag.CodeLintAddURL, at, line, "a download without a checksum", why, "add `--checksum=sha256:...` behind ADD")
	}
}

// copyFrom judges the image that files are copied or mounted from.
func (f *dockerfile) copyFrom(name string, ranges []parser.Range) {
	if name == "" || strings.Trim(name, "0123456789") == "" || f.replaced(name) {
		return
	}
	if _, ok := f.stageNamed(name, len(f.stages)); ok {
		return
	}
	at, line := f.find(ranges, name)
	f.image(name, at, line)
}

// mounts judges what a step mounts, and gives the folders whose contents do not get into the image.
func (f *dockerfile) mounts(c *instructions.RunCommand) []string {
	var outside []string
	for _, m := range instructions.GetMounts(c) {
		// Targets and types are read from the flag by BuildKit only once variables are known, so expand without any.
		f.copyFrom(m.From, c.Location())
	}
	for _, flag := range mountFlags(f.header(c.Location())) {
		at, line := f.find(c.Location(), flag.text)
		switch flag.kind {
		case "cache":
			f.warn(diag.CodeLintCacheMount, at, line, "a cache mount starts empty in every build", "what an earlier build left behind is an input that no lock can name",
				"remove it if nothing else builds this Dockerfile; downloads come from the store anyway")
			outside = append(outside, flag.target)
		case "tmpfs":
			outside = append(outside, flag.target)
		case "secret", "ssh":
			f.warn(diag.CodeLintSecretMount, at, line, "a "+flag.kind+" mount is absent in a sealed build", "a secret is an input that no lock can name",
				"use it only to download: `selfsame lock` records the responses")
		}
	}
	return outside
}

// mount is one --mount flag as written.
type mount struct{ text, kind, target string }

// mountFlags reads the --mount flags at the beginning of a RUN instruction.
func mountFlags(header string) []mount {
	var out []mount
	for _, word := range strings.Fields(header) {
		spec, ok := strings.CutPrefix(word, "--mount=")
		if !ok {
			if strings.HasPrefix(word, "--") {
				continue
			}
			break
		}
		m := mount{text: word, kind: "bind"}
		for option := range strings.SplitSeq(strings.Trim(spec, `"'`), ",") {
			key, value, _ := strings.Cut(option, "=")
			switch strings.ToLower(key) {
			case "type":
				m.kind = strings.ToLower(value)
			case "target", "dst", "destination":
				m.target = value
			}
		}
		out = append(out, m)
	}
	return out
}

// written looks into a file that the Dockerfile spells out itself.
func (f *dockerfile) written(files []instructions.SourceContent, ranges []parser.Range) {
	for _, file := range files {
		if macro := dateMacro(file.Data); macro != "" {
			at, line := f.find(ranges, macro)
			f.dateMacro(macro, at, line)
		}
	}
}

func (f *dockerfile) nativeFlag(value string, ranges []parser.Range) {
	if flag := nativeFlag(value); flag != "" {
		at, line := f.find(ranges, flag)
		f.native(flag, at, line)
	}
}
