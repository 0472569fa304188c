package foreign

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"

	"github.com/selfsame-build/selfsame/recipes/starter"
)

// Rebuild is what a recipe can say of the build: the commit and the Dockerfile in it, the arguments, and what the names of base images led to.
// What it cannot say, and what was done without, is in Untold. The error is the first thing without which there is nothing to repeat (Lacks names
// them all).
func (b Build) Rebuild() (starter.Rebuild, error) {
	out := starter.Rebuild{Dockerfile: "Dockerfile", Args: map[string]string{}, Images: map[string]string{}}
	if err := b.repeatable(); err != nil {
		return out, err
	}
	var err error
	if out.Git, out.Commit, err = b.Source.commit(); err != nil {
		return out, err
	}
	if b.Source.Path != "" {
		out.Dockerfile = b.Source.Path
	}
	for _, key := range slices.Sorted(maps.Keys(b.Args)) {
		if err := take(&out, key, b.Args[key]); err != nil {
			return out, err
		}
	}
	for _, m := range b.Materials {
		if name, image, ok := m.base(); ok && !b.frontendIs(name) {
			out.Images[name] = image
		}
	}
	for _, list := range []struct {
		what  string
		items []string
	}{{"a secret was lent, as `selfsame lock --secret` can", b.Secrets}, {"an ssh agent was lent, as `selfsame lock --ssh` can", b.SSH}, {"a step had the machine's privileges", b.Privileged}} {
		for _, item := range list.items[:min(len(list.items), maxNamed)] {
			out.Untold = append(out.Untold, clip(list.what+": "+item))
		}
	}
	return out, nil
}

// repeatable says what kind of build a recipe cannot be written of.
func (b Build) repeatable() error {
	switch {
	case b.Steps == 0:
		return fmt.Errorf("its provenance was made with mode=min, which leaves out arguments and steps")
	case b.Nested:
		return fmt.Errorf("other builds were taken in, whose requests are not told")
	case len(b.Locals) > 0:
		return fmt.Errorf("the folder %q came from the builder's own machine", clip(b.Locals[0]))
	case b.Frontend != "dockerfile.v0" && !strings.HasPrefix(b.Frontend, "gateway"):
		return fmt.Errorf("it was read by the frontend %q, and not from a Dockerfile", clip(b.Frontend))
	case strings.HasPrefix(b.Frontend, "gateway") && !strings.HasPrefix(familiar(b.Args["source"]), "docker/dockerfile:"):
		return fmt.Errorf("it was read by the frontend %q, and not from a Dockerfile", clip(b.Args["source"]))
	}
	return nil
}

// commit is the repository's URL and what was built of it. BuildKit writes the URL as it was given: with #ref, or #ref:folder.
func (s Source) commit() (url, commit string, err error) {
	for _, key := range []string{"sha1", "gitCommit"} {
		if hex40.MatchString(s.Digest[key]) {
			commit = s.Digest[key]
		}
	}
	url, fragment, _ := strings.Cut(s.URI, "#")
	_, folder, _ := strings.Cut(fragment, ":")
	switch {
	case commit == "":
		return "", "", fmt.Errorf("no commit is named for the source %q", clip(s.URI))
	case strings.Contains(url, "?") || folder != "" && folder != "." && folder != "/":
		return "", "", fmt.Errorf("the context is a folder of the repository, and a recipe's is all of it: %q", clip(s.URI))
	}
	return strings.TrimPrefix(url, "git+"), commit, nil
}

// silent are attributes that say nothing of what a Dockerfile makes: where it and its context came from, for which platform, and what was done
// about caches and names.
var silent = []string{
	"source", "cmdline", "context", "platform", "multi-platform", "image-resolve-mode", "no-cache", "cache-from", "cache-imports", "cache-to",
	"contextkey", "dockerfilekey", "build-arg:BUILDKIT_INLINE_CACHE", "build-arg:BUILDKIT_MULTI_PLATFORM", "build-arg:BUILDKIT_CACHE_MOUNT_NS",
}

// take repeats an attribute of BuildKit's Dockerfile frontend (frontend/dockerui).
func take(r *starter.Rebuild, key, value string) error {
	arg, isArg := strings.CutPrefix(key, "build-arg:")
	name, isContext := strings.CutPrefix(key, "context:")
	switch {
	case slices.Contains(silent, key):
	case key == "filename":
		r.Dockerfile = value
	case key == "target":
		r.Target = value
	case arg == "SOURCE_DATE_EPOCH":
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds <= 0 {
			return fmt.Errorf("its SOURCE_DATE_EPOCH is %q", clip(value))
		}
		r.Epoch = seconds
	case isArg && strings.HasPrefix(arg, "BUILDKIT_"):
		r.Untold = append(r.Untold, clip(fmt.Sprintf("BuildKit was told %s=%s", arg, value)))
	case isArg:
		r.Args[arg] = value
	case isContext:
		image, ok := strings.CutPrefix(value, "docker-image://")
		if !ok || !strings.Contains(image, "@sha256:") {
			return fmt.Errorf("the name %q was given another meaning, and no image by its digest: %q", clip(name), clip(value))
		}
		r.Images[name] = image
	default:
		r.Untold = append(r.Untold, clip(fmt.Sprintf("the build was told %s=%s", key, value)))
	}
	return nil
}

// base is what a name after FROM led to. What the Dockerfile names by its digest needs no other name.
func (m Material) base() (name, image string, ok bool) {
	repository, _, sum, ok := m.Image()
	rest, query, _ := strings.Cut(m.URI, "?")
	_, tag, tagged := strings.Cut(rest[strings.LastIndex(rest, "/")+1:], "@")
	if !ok || !tagged || strings.Contains(query, "digest=") || strings.Contains(query, "ref_type=") {
		return "", "", false
	}
	return repository + ":" + tag, repository + "@sha256:" + sum, true
}

// frontendIs says whether a name is that of the frontend's own image, which no step stands on.
func (b Build) frontendIs(name string) bool {
	for _, key := range []string{"source", "build-arg:BUILDKIT_SYNTAX"} {
		if b.Args[key] != "" && familiar(b.Args[key]) == familiar(name) {
			return true
		}
	}
	return false
}

// familiar is an image's name as Dockerfiles have it, with its tag and without a digest; empty: it is none.
func familiar(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ""
	}
	return reference.FamiliarString(reference.TagNameOnly(named))
}
