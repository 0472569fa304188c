package format

import (
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

// table is every format by the name that check tags use.
var table = strictyaml.Compiled(map[string]*Format{
	"version": {Code: diag.CodeRecipeVersion, Noun: "a recipe format", Want: "this selfsame reads the format v1",
		Enum: []string{"v1"}},
	"name": {Code: diag.CodeRecipeName, Noun: "a name",
		Want:    "a name has lower-case letters, digits and single dashes, and begins with a letter",
		Pattern: `^[a-z][a-z0-9]*(-[a-z0-9]+)*$`, Examples: []string{"shop", "web-api-2"}, Max: 63},
	"platform": {Code: diag.CodeRecipePlatform, Noun: "a platform",
		Want:    "a platform is os/arch or os/arch/variant, each in one spelling",
		Pattern: `^linux/[a-z0-9]+(/v[0-9]+)?$`, Examples: []string{"linux/amd64", "linux/arm64", "linux/arm/v7"}, Check: platform},

	"source path": {Code: diag.CodeRecipePath, Noun: "a relative path", Want: "a path is relative, so that it means the same on every machine",
		Pattern: `^[^/\\][^\\]*$`, Examples: []string{".", "..", "app"}, Check: relative},
	"path": {Code: diag.CodeRecipePath, Noun: "a path in this folder", Want: "a path is relative, uses / and stays in its folder",
		Pattern: `^[^/\\][^\\]*$`, Examples: []string{"base"}, Check: inside},
	"file": {Code: diag.CodeRecipePath, Noun: "a file in the source", Want: "a path is relative, uses / and stays in its folder",
		Pattern: `^[^/\\]([^\\]*[^/\\])?$`, Examples: []string{"Dockerfile", "build/Dockerfile"}, Check: file},
	"copied": {Code: diag.CodeRecipePath, Noun: "a path to copy", Want: "a path uses / and has no `..` in it",
		Pattern: `^[^\\]+$`, Examples: []string{"src", "*.c", "/out/app"}, Check: noParent},
	"destination": {Code: diag.CodeRecipePath, Noun: "a destination", Want: "a path uses / and has no `..` in it",
		Pattern: `^[^\\]+$`, Examples: []string{"/app/", "/usr/bin/app"}, Check: noParent},
	"image path": {Code: diag.CodeRecipeImagePath, Noun: "a path inside the image", Want: "a path inside the image begins with / and has no `..` in it",
		Pattern: `^/[^\\]*$`, Examples: []string{"/app"}, Check: noParent},

	"git": {Code: diag.CodeRecipeGitURL, Noun: "a repository URL", Want: "a repository is an https, http, ssh or git URL, or git@host:path",
		Pattern:  `^((https?|ssh|git)://[^\s#]+|[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:[^\s#:][^\s#]*)$`,
		Examples: []string{"https://example.com/team/shop.git", "git@example.com:team/shop.git"}, Check: gitURL},
	"ref": {Code: diag.CodeRecipeGitRef, Noun: "a branch, tag or commit", Want: "a ref has no blanks, no `..` and does not begin with a dash",
		Pattern: `^[A-Za-z0-9_][A-Za-z0-9._/+@-]*$`, Examples: []string{"v1.2.3", "main"}, Max: 255, Check: gitRef},

	"target": {Code: diag.CodeRecipeTarget, Noun: "a stage of a Dockerfile", Want: "a target is the name behind AS, or a stage's number",
		Pattern: `^[A-Za-z0-9][A-Za-z0-9_.-]*$`, Examples: []string{"final"}, Max: 128},
	"variable": {Code: diag.CodeRecipeVariable, Noun: "a variable name", Want: "a variable name has letters, digits and underscores, and does not begin with a digit",
		Pattern: `^[A-Za-z_][A-Za-z0-9_]*$`, Examples: []string{"VERSION"}, Max: 255, Check: reserved},
	"context": {Code: diag.CodeRecipeContextName, Noun: "a name that FROM can use", Want: "a context is named as FROM or COPY --from name it",
		Pattern: `^[A-Za-z0-9\[][A-Za-z0-9._:/@\[\]-]*$`, Examples: []string{"base", "debian:trixie"}, Max: 512, Check: contextName},
	"image": {Code: diag.CodeRecipeImage, Noun: "an image reference", Want: "an image is named like debian:trixie or example.com/team/base:1.4; repositories are lower-case",
		Pattern: `^[A-Za-z0-9\[][A-Za-z0-9._:/@\[\]-]*$`, Examples: []string{"debian:trixie"}, Max: 512, Check: image},
	"repository": {Code: diag.CodeRecipeImage, Noun: "a repository", Want: "a repository is named like registry.example.com/team/shop, in lower case",
		Pattern: `^[A-Za-z0-9\[][A-Za-z0-9._:/\[\]-]*$`, Examples: []string{"registry.example.com/team/shop"}, Max: 512, Check: repository},

	"suite": {Code: diag.CodeRecipeSuite, Noun: "the code name of a Debian release", Want: "a suite is a release's code name, which never moves to another release",
		Pattern: `^[a-z][a-z0-9]*$`, Examples: []string{"trixie"}, Max: 64, Check: suite},
	"package": {Code: diag.CodeRecipePackage, Noun: "a Debian package name", Want: "a package name has a-z, 0-9, +, - and .; the lock pins the version",
		Pattern: `^[a-z0-9][a-z0-9+.-]+$`, Examples: []string{"curl"}, Max: 128, Check: debianPackage},
	"mirror": {Code: diag.CodeRecipeMirror, Noun: "a mirror", Want: "a mirror is an http or https URL without user, query or fragment",
		Pattern: `^https?://[^\s?#]+$`, Examples: []string{"http://debian.example.com/debian"}, Check: mirror},

	"stage": {Code: diag.CodeRecipeStageName, Noun: "a stage name", Want: "a stage name has lower-case letters, digits and single . _ -, and begins with a letter",
		Pattern: `^[a-z][a-z0-9]*([._-][a-z0-9]+)*$`, Examples: []string{"build"}, Max: 63, Check: stageName},
	"mode": {Code: diag.CodeRecipeMode, Noun: "a file mode", Want: "a mode has three or four octal digits",
		Pattern: `^[0-7]{3,4}$`, Examples: []string{`"0755"`}},
	"owner": {Code: diag.CodeRecipeOwner, Noun: "an owner", Want: "an owner is a user and a group in numbers, joined by a colon",
		Pattern: `^[0-9]{1,10}:[0-9]{1,10}$`, Examples: []string{`"1000:1000"`}, Check: owner},
	"user": {Code: diag.CodeRecipeUser, Noun: "a user", Want: "a user is a name or number, with a group behind a colon if you like",
		Pattern: `^[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?$`, Examples: []string{`"1000:1000"`, "app"}, Max: 128},
	"port": {Code: diag.CodeRecipePort, Noun: "a port", Want: "a port is a number from 1 to 65535, with /tcp, /udp or /sctp behind it if you like",
		Pattern: `^[1-9][0-9]{0,4}(/(tcp|udp|sctp))?$`, Examples: []string{`"8080"`, "53/udp"}, Check: port},
	"signal": {Code: diag.CodeRecipeSignal, Noun: "a signal", Want: "a signal is a name as SIGTERM, or a number from 1 to 64",
		Pattern: `^(SIG[A-Z0-9]+([+-][0-9]{1,2})?|[1-9]|[1-5][0-9]|6[0-4])$`, Examples: []string{"SIGTERM"}, Max: 32},
	"label": {Code: diag.CodeRecipeLabel, Noun: "a label name", Want: "a label name has letters, digits and . _ - /",
		Pattern: `^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?$`, Examples: []string{"org.opencontainers.image.title"}, Max: 128},

	"compression": {Code: diag.CodeRecipeCompression, Noun: "a compression", Want: "only compressors whose version is pinned are offered",
		Enum: []string{"zstd", "gzip", "none"}},
	"host": {Code: diag.CodeRecipeHost, Noun: "a host", Want: "a host is a name or address, with a port behind a colon if it is not the usual one",
		Pattern:  `^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[1-9][0-9]{0,4})?$`,
		Examples: []string{"npm.corp.example", "10.1.2.3:8081"}, Max: 260, Check: host},
})
