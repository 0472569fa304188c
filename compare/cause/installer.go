package cause

import "github.com/selfsame-build/selfsame/internal/lazyregexp"

// installerDatabase is what a package manager notes about itself.
var installerDatabase = Cause{
	Class: "T21", Title: "installer's database", judge: judgeInstaller,
	Remedy: "delete what is not needed in the same step (rm -rf /var/lib/apt/lists/* /var/cache/debconf/*-old), rebuild the rest in a fixed order",
	Page: `A package manager's own records differ though the packages do not: times of installation, the order of rows, what deleted rows left in a
database file, write-ahead logs.

Delete records that nobody needs. For rpm: rpmdb --rebuilddb, and the journal mode DELETE before the step ends.`,
}

var installerFiles = lazyregexp.New(`(^|/)(var/lib/dpkg/|var/lib/rpm/|usr/lib/sysimage/(rpm|libdnf5)/|(usr/)?lib/apk/db/|var/lib/apt/extended_states|var/cache/debconf/|` +
	`var/lib/(dnf|yum)/|var/lib/pacman/|var/lib/alternatives/|etc/alternatives/|var/lib/ucf/|var/lib/systemd/)`)

func installerFile(p string) bool { return installerFiles.MatchString(p) }

func judgeInstaller(s *spot) (verdict, bool) {
	if installerFile(s.path) {
		return verdict{certainty: Certain, weight: 7, evidence: "a package manager's own records"}, true
	}
	return verdict{certainty: Likely, weight: 4, evidence: "what a database keeps about itself: " + s.field}, s.format == "sqlite" && s.kind() == "field" &&
		sqliteHeader[s.field]
}

var sqliteHeader = map[string]bool{"change counter": true, "version-valid-for": true, "version valid for": true, "freelist": true, "free pages": true, "schema cookie": true, "freelist pages": true}
