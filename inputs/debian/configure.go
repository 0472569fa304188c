package debian

import (
	_ "embed" // the script
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes"
)

//go:embed configure.sh
var configureScript string

// ConfigureScript is the shell script (for /bin/sh) that turns an assembled root filesystem into an installed system. It
// needs root, SOURCE_DATE_EPOCH in its environment (user databases bear dates), the Debs image's DebsDir mounted there, and
// no network. It fails unless every package ends up configured and dpkg and apt find nothing to complain about.
func ConfigureScript(spec recipes.Debian) (string, error) {
	image, err := ImageMirrors(spec)
	if err != nil {
		return "", err
	}
	if !validSuite.MatchString(spec.Suite) {
		return "", diag.Errorf(codeSuite, "`%s` is no suite", spec.Suite).WithHelp("write a code name, like `suite: trixie`")
	}
	return strings.NewReplacer("@DEBS@", DebsDir, "@PATH@", DefaultPath, "@SOURCES@", sources(spec.Suite, image)).Replace(configureScript), nil
}

// sources is the image's debian.sources (deb822, sources.list(5)).
func sources(suite string, m Mirrors) string {
	const rest = "Components: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
	var main, security []string
	for _, c := range codenames(suite) {
		if strings.HasSuffix(c, "-security") {
			security = append(security, c)
		} else {
			main = append(main, c)
		}
	}
	s := "Types: deb\nURIs: " + m.Main + "\nSuites: " + strings.Join(main, " ") + "\n" + rest
	if len(security) > 0 {
		s += "\nTypes: deb\nURIs: " + m.Security + "\nSuites: " + strings.Join(security, " ") + "\n" + rest
	}
	return s
}

// AptSealedConf is the apt configuration for steps of a build, to be mounted below /etc/apt/apt.conf.d and never baked in:
// a sealed build replays an InRelease long after it has expired, and one of the twins lives a year ahead. What the times are
// for, refusing old files, Resolve and the lock have done already.
func AptSealedConf() []byte {
	return []byte("Acquire::Check-Valid-Until \"false\";\nAcquire::Check-Date \"false\";\n")
}
