package format

import (
	"strconv"
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// architectures are those that Linux images are made for, in the spelling of GOARCH.
var architectures = map[string]string{
	"386": "", "amd64": "v2 v3 v4", "arm": "v5 v6 v7", "arm64": "v9", "loong64": "", "mips64le": "", "ppc64le": "", "riscv64": "", "s390x": "",
}

// spellings are other names that platforms go by, and the variants that are the default and so are left out.
var spellings = map[string]string{
	"x86_64": "amd64", "x86-64": "amd64", "amd64/v1": "amd64", "aarch64": "arm64", "arm64/v8": "arm64", "i386": "386", "i686": "386",
	"armhf": "arm/v7", "armel": "arm/v5", "arm": "arm/v7", "arm64v8": "arm64", "arm32v7": "arm/v7", "ppc64el": "ppc64le",
}

func platform(s string) *Problem {
	system, arch, found := strings.Cut(s, "/")
	if right, ok := spellings[strings.ToLower(system)]; ok && !found {
		return &Problem{Help: "write `linux/" + right + "`"}
	}
	if right, ok := spellings[strings.ToLower(arch)]; ok && strings.EqualFold(system, "linux") {
		return &Problem{Why: "each platform has one spelling, so that it has one lock and one image", Help: "write `linux/" + right + "`"}
	}
	if system != "linux" {
		return &Problem{Why: "the builder makes images for Linux"}
	}
	name, variant, found := strings.Cut(arch, "/")
	variants, known := architectures[name]
	if !known || found && !contains(strings.Fields(variants), variant) {
		return &Problem{Help: "write one of linux/amd64, linux/arm64, linux/arm/v7, linux/386, linux/ppc64le, linux/riscv64, linux/s390x"}
	}
	return nil
}

// reserved refuses the variables that the builder sets; what they would do to the image depends on who wins.
func reserved(s string) *Problem {
	upper := strings.ToUpper(s)
	switch {
	case upper == "SOURCE_DATE_EPOCH":
		return &Problem{Code: diag.CodeRecipeReserved, Summary: "`" + s + "` is set by the builder",
			Why: "every step gets the recipe's epoch in it", Help: "set `epoch:` instead"}
	case strings.HasPrefix(upper, "BUILDKIT_"):
		return &Problem{Code: diag.CodeRecipeReserved, Summary: "`" + short(s) + "` steers the builder",
			Why: "it changes how the image is built without being part of it", Help: "remove it"}
	case strings.HasSuffix(upper, "_PROXY"):
		return &Problem{Code: diag.CodeRecipeReserved, Summary: "`" + short(s) + "` is set by the builder",
			Why: "it is how a step reaches its sealed inputs", Help: "remove it"}
	}
	return nil
}

func stageName(s string) *Problem {
	if s == "scratch" || s == "context" {
		return &Problem{Summary: "`" + s + "` cannot be a stage's name", Why: "it has a meaning of its own"}
	}
	return nil
}

// movingSuites name another release over time.
var movingSuites = []string{"stable", "oldstable", "oldoldstable", "testing", "unstable", "sid", "experimental", "rc-buggy"}

func suite(s string) *Problem {
	if contains(movingSuites, s) {
		return &Problem{Why: "`" + s + "` means another release from one day to the next", Help: "write the release's code name, like `trixie`"}
	}
	for _, side := range []string{"-updates", "-security", "-backports", "-proposed-updates"} {
		if base, ok := strings.CutSuffix(s, side); ok {
			return &Problem{Why: "a release's -updates and -security are used by themselves", Help: "write `" + short(base) + "`"}
		}
	}
	return nil
}

func debianPackage(s string) *Problem {
	if i := strings.IndexAny(s, "=:/"); i > 0 {
		return &Problem{Why: "the lock pins version and architecture, by digest", Help: "write `" + short(s[:i]) + "`"}
	}
	return nil
}

func owner(s string) *Problem {
	for part := range strings.SplitSeq(s, ":") {
		// 4294967295 is (uid_t)-1, which chown takes as "leave it".
		if n, err := strconv.ParseUint(part, 10, 64); err == nil && n > 4294967294 {
			return &Problem{Why: "user and group numbers end at 4294967294"}
		}
	}
	return nil
}

func port(s string) *Problem {
	number, _, _ := strings.Cut(s, "/")
	if n, err := strconv.Atoi(number); err == nil && n > 65535 {
		return &Problem{}
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}
