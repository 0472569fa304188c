package format

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// image is what a registry would accept (distribution/reference, the grammar that Docker and containerd use).
func image(s string) *Problem {
	if _, err := reference.ParseNormalizedNamed(s); err != nil {
		p := &Problem{}
		if lower := strings.ToLower(s); lower != s {
			if _, err := reference.ParseNormalizedNamed(lower); err == nil {
				p.Why, p.Help = "repository names are lower-case", "write `"+short(lower)+"`"
			}
		}
		return p
	}
	return nil
}

// repository is an image without tag and digest.
func repository(s string) *Problem {
	if p := image(s); p != nil {
		p.Help = "write it like `registry.example.com/team/shop`"
		return p
	}
	named, err := reference.ParseNormalizedNamed(s)
	if err == nil && !reference.IsNameOnly(named) {
		bare, _, _ := strings.Cut(s, "@")
		if i := strings.LastIndexByte(bare, ':'); i > strings.LastIndexByte(bare, '/') {
			bare = bare[:i]
		}
		return &Problem{Code: diag.CodeRecipeOutputImage, Summary: "`" + short(s) + "` has a tag or digest",
			Why: "the build finds the digest out, and a tag is chosen when pushing", Help: "write `" + short(bare) + "`"}
	}
	return nil
}

// contextName is what BuildKit can look a named context up by.
func contextName(s string) *Problem {
	if s == "scratch" || s == "context" {
		return &Problem{Summary: "`" + s + "` cannot be replaced", Why: "it has a meaning of its own"}
	}
	return image(s)
}

func gitURL(s string) *Problem {
	if strings.Contains(s, "#") {
		base, _, _ := strings.Cut(s, "#")
		return &Problem{Why: "the branch or tag has a key of its own", Help: "write `git: " + short(redact(base)) + "` and `ref:`",
			Summary: "a repository URL has no # part"}
	}
	if !strings.Contains(s, "://") {
		return nil
	}
	return credentials(s, strings.HasPrefix(s, "ssh://"))
}

// gitRef follows git-check-ref-format where a shell or git itself could read a name in another way.
func gitRef(s string) *Problem {
	if strings.Contains(s, "..") || strings.Contains(s, "@{") || strings.Contains(s, "//") ||
		strings.HasSuffix(s, "/") || strings.HasSuffix(s, ".") || strings.HasSuffix(s, ".lock") {
		return &Problem{}
	}
	return nil
}

func mirror(s string) *Problem { return credentials(s, false) }

// credentials refuses a URL that carries a secret; ssh needs a user name, which is none.
func credentials(s string, userAllowed bool) *Problem {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		// The URL is not repeated: a part of it that cannot be read may be a password.
		return &Problem{Summary: "a URL cannot be read", Secret: strings.Contains(s, "@")}
	}
	if u.User == nil {
		return nil
	}
	if _, password := u.User.Password(); !password && userAllowed {
		return nil
	}
	return &Problem{Code: diag.CodeRecipeCredentials, Secret: true, Summary: "a URL holds a user name or password",
		Why: "recipe, lock and evidence are shared; a secret in them is none", Help: "write `" + short(redact(s)) + "`"}
}

// redact drops everything between :// and the last @ of the host part.
func redact(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	host, path, slash := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if slash {
		host += "/" + path
	}
	return scheme + "://" + host
}

func host(s string) *Problem {
	if strings.Contains(s, "://") {
		u, err := url.Parse(s)
		if err == nil && u.Host != "" {
			return &Problem{Why: "a host is meant, not a URL", Help: "write `" + short(u.Host) + "`"}
		}
	}
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") {
		if n, err := strconv.Atoi(s[i+1:]); err == nil && n > 65535 {
			return &Problem{Why: "a port is at most 65535"}
		}
	}
	return nil
}
