package diag

// The codes of a recipe's rules: the file is well-formed, but says something that cannot be or must not be.
const (
	CodeRecipeVersion         Code = "A0120"
	CodeRecipeName            Code = "A0121"
	CodeRecipePlatform        Code = "A0122"
	CodeRecipeRepeated        Code = "A0123"
	CodeRecipeSourceChoice    Code = "A0124"
	CodeRecipeRefWithoutGit   Code = "A0125"
	CodeRecipeGitURL          Code = "A0126"
	CodeRecipeGitRef          Code = "A0127"
	CodeRecipeCredentials     Code = "A0128"
	CodeRecipeEpoch           Code = "A0129"
	CodeRecipeBuildChoice     Code = "A0130"
	CodeRecipeForeignKey      Code = "A0131"
	CodeRecipePath            Code = "A0132"
	CodeRecipeVariable        Code = "A0133"
	CodeRecipeReserved        Code = "A0134"
	CodeRecipeContextName     Code = "A0135"
	CodeRecipeContextChoice   Code = "A0136"
	CodeRecipeImage           Code = "A0137"
	CodeRecipeOutputImage     Code = "A0138"
	CodeRecipeSuite           Code = "A0139"
	CodeRecipePackage         Code = "A0140"
	CodeRecipeMirror          Code = "A0141"
	CodeRecipeStageName       Code = "A0142"
	CodeRecipeStageRepeated   Code = "A0143"
	CodeRecipeStageOrder      Code = "A0144"
	CodeRecipeStepChoice      Code = "A0145"
	CodeRecipeCopyDestination Code = "A0146"
	CodeRecipeMode            Code = "A0147"
	CodeRecipeOwner           Code = "A0148"
	CodeRecipeTarget          Code = "A0149"
	CodeRecipeImagePath       Code = "A0180"
	CodeRecipeUser            Code = "A0181"
	CodeRecipePort            Code = "A0182"
	CodeRecipeSignal          Code = "A0183"
	CodeRecipeCompression     Code = "A0184"
	CodeRecipeHost            Code = "A0185"
	CodeRecipeLabel           Code = "A0186"
)

var recipeRuleCodes = []Info{
	recipeInfo(CodeRecipeVersion, "unknown recipe format",
		"The value of `recipe:` is not a format that this selfsame reads. It reads v1.",
		"A reader that guesses at a newer format would build something that the recipe does not say.",
		"Write `recipe: v1`. If the recipe was written for a newer selfsame, use that one; `selfsame version` prints yours."),
	recipeInfo(CodeRecipeName, "not a valid name",
		"A name has lower-case letters, digits and single dashes, begins with a letter and has at most 63 characters.",
		"The name appears in file names, in evidence and in output that other programs read.",
		"Write it like `name: shop` or `name: web-api-2`."),
	recipeInfo(CodeRecipePlatform, "not a platform",
		"A platform is os/arch or os/arch/variant in the usual spelling: linux/amd64, linux/arm64, linux/arm/v7. Each has one spelling\nhere: `linux/x86_64`, `linux/aarch64` and `linux/arm64/v8` are refused in favour of the usual one.",
		"Two spellings of one platform would give two locks and two images for it.",
		"Take the spelling that the message shows."),
	recipeInfo(CodeRecipeRepeated, "a list names one thing twice",
		"The same value stands in the list two times.",
		"One of the two is a mistake, and removing it later must not look like a change of the image.",
		"Remove one of the two."),
	recipeInfo(CodeRecipeSourceChoice, "the source must be one thing",
		"`source` takes a folder (`path`) or a repository (`git`), and exactly one of them.",
		"The build context has one origin, and the evidence names it.",
		"Write `source: {path: .}` or `source: {git: https://example.com/shop.git, ref: v1.2.3}`."),
	recipeInfo(CodeRecipeRefWithoutGit, "ref belongs to a git source",
		"`ref` is set, but the source is a folder.",
		"A folder is taken as it is; the ref would be ignored, and a reader would believe it was not.",
		"Add `git: URL`, or remove `ref`."),
	recipeInfo(CodeRecipeGitURL, "not a repository URL",
		"`git` takes an https, http, ssh or git URL, or git@host:path.",
		"Other forms, such as a local path or a helper (`ext::`), depend on the machine or run programs.",
		"Write it like `git: https://example.com/team/shop.git`; the branch or tag goes into `ref`, not behind a #."),
	recipeInfo(CodeRecipeGitRef, "not a branch, tag or commit",
		"The value cannot be the name of a git branch or tag, nor a commit.",
		"It is passed to git; a name that begins with a dash would be read as an option.",
		"Write it like `ref: v1.2.3`, `ref: main` or `ref:` and a full commit."),
	recipeInfo(CodeRecipeCredentials, "a URL holds a password",
		"The URL has a user name and password, or a token, in front of the host.",
		"Recipe, lock, logs and evidence are shared; a secret in one of them is a secret no more.",
		"Remove it from the URL, change it where it was issued, and let git's own credential helper supply it while locking."),
	recipeInfo(CodeRecipeEpoch, "not an epoch",
		"`epoch` is the time that every file of the image bears: the word `source` (the time of the source's commit) or a whole number of\nseconds since 1970-01-01 UTC, from 0 to 253402300799 (the end of the year 9999).",
		"Without a fixed time no two builds are the same.",
		"Write `epoch: source`, or a number: `git log -1 --format=%ct` prints the time of the last commit."),
	recipeInfo(CodeRecipeBuildChoice, "the build must be one thing",
		"`build` takes a Dockerfile (`dockerfile`) or stages written in the recipe (`stages`), and exactly one of them.",
		"With both, or none, the recipe does not say what the image is made of.",
		"Write `build: {dockerfile: Dockerfile}`, or `build:` with `stages:`."),
	recipeInfo(CodeRecipeForeignKey, "this key has no effect here",
		"`target`, `args` and `contexts` belong to a Dockerfile; `config` belongs to stages (a Dockerfile has CMD, ENV and so on).",
		"A key without effect makes a reader believe something that is not so.",
		"Remove the key, or move what it says to where it has an effect."),
	recipeInfo(CodeRecipePath, "a path must stay in its folder",
		"Paths of a recipe are relative, use / and do not leave the folder they start from. Only `source.path` may go up with `..`.",
		"An absolute path means something else on every machine, and a path that leaves the folder reads files that nobody reviewed.",
		"Move the file into the folder and write its relative path."),
	recipeInfo(CodeRecipeVariable, "not a variable name",
		"The name of a build argument or of an environment variable has letters, digits and underscores and does not begin with a digit.",
		"Shells cannot read other names, so that the value would be there and yet not be seen.",
		"Write it like `VERSION: \"1.2.3\"`."),
	recipeInfo(CodeRecipeReserved, "this name is taken by the builder",
		"SOURCE_DATE_EPOCH is set from `epoch`; BUILDKIT_* arguments change how the builder works; *_proxy variables are how a step\nreaches its sealed inputs.",
		"If the recipe set them too, the image would depend on which of the two wins.",
		"Use `epoch:` for the time. Remove the others: the builder sets what a step needs."),
	recipeInfo(CodeRecipeContextName, "not a name that FROM can use",
		"A key of `contexts` is a name as written after FROM or in COPY --from: `base`, `debian:trixie`, `example.com/team/base`. `scratch`\nand `context` have a meaning of their own. Two spellings of one name (`debian` and `docker.io/library/debian:latest`) are one.",
		"A name that can never match replaces nothing, and the build silently uses the original.",
		"Write the name exactly as the Dockerfile has it."),
	recipeInfo(CodeRecipeContextChoice, "a context must be one thing",
		"A context takes exactly one of `debian`, `image` and `path`.",
		"With two of them it is not said which one is used.",
		"Keep one, for example `contexts: {base: {image: debian:trixie}}`."),
	recipeInfo(CodeRecipeImage, "not an image reference",
		"The text is not a reference such as debian:trixie, example.com/team/base:1.4 or name@sha256:... . Repository names are lower-case.",
		"A registry would refuse it in the middle of a build.",
		"Correct the spelling. A tag is enough: `selfsame lock` pins it to a digest."),
	recipeInfo(CodeRecipeOutputImage, "the output is a repository, without tag or digest",
		"`output.image` has a tag or a digest.",
		"The digest is what the build finds out, and a tag is a choice of the moment: it does not belong into what is hashed and reviewed.",
		"Remove the part from the last : or from @ on. To push under a tag, run `selfsame build --push=REPOSITORY:TAG`."),
	recipeInfo(CodeRecipeSuite, "not a Debian release",
		"`suite` is the code name of a release, such as trixie or bookworm. Names that move (stable, testing, unstable, sid) and the side\nsuites (-updates, -security, -backports) are not releases.",
		"stable names another release every two years: a lock could not be refreshed without changing the base. A release's -updates and\n-security suites belong to it and are used by themselves.",
		"Write the code name: `suite: trixie`."),
	recipeInfo(CodeRecipePackage, "not a Debian package name",
		"A package name has at least two characters of a-z, 0-9, +, - and . and begins with a letter or digit. A version or architecture\n(`curl=8.5`, `curl:arm64`) does not belong here.",
		"The lock pins the version with the digest of the file, which says more than a version number.",
		"Write the name alone: `packages: [curl, ca-certificates]`."),
	recipeInfo(CodeRecipeMirror, "not a mirror",
		"`mirror` is the http or https URL of a Debian archive, without user, query or fragment. It is what apt sees inside the image.",
		"It is written into the image, so it must be plain and hold no secret. The mirror that `selfsame lock` reads from is another matter:\n`selfsame lock --debian-mirror URL`.",
		"Write it like `mirror: http://debian.example.com/debian`, or delete the key."),
	recipeInfo(CodeRecipeStageName, "not a stage name",
		"A stage name has lower-case letters, digits, and . _ -, begins with a letter, and is neither `scratch` nor `context`.",
		"It shares its place with image references (`from: build`), and must be told apart at a glance.",
		"Write it like `name: build`."),
	recipeInfo(CodeRecipeStageRepeated, "two stages have one name",
		"A stage has the name of an earlier stage.",
		"`from` and `copy.from` could mean either.",
		"Rename one of them; the message names both lines."),
	recipeInfo(CodeRecipeStageOrder, "a stage is used before it is there",
		"`from` or `copy.from` names the stage itself or one that comes later.",
		"Stages are built in order. Taken as an image reference the name would fetch something else from the internet, quietly.",
		"Move the stage up, above the place that uses it."),
	recipeInfo(CodeRecipeStepChoice, "a step does one thing",
		"A step has exactly one of `run` and `copy`.",
		"The order of two things in one step would not be said.",
		"Make two steps of it:\n  - copy: {sources: [app.c], to: /src/}\n  - run: cc -o /app /src/app.c"),
	recipeInfo(CodeRecipeCopyDestination, "several files need a folder",
		"`copy` has several sources, or a pattern, and its destination does not end in /.",
		"Without the slash the destination is one file, and the last source would win.",
		"End the destination in a slash: `to: /app/`."),
	recipeInfo(CodeRecipeMode, "not a file mode",
		"`mode` is a file mode in octal: three or four digits from 0 to 7, in quotes.",
		"Without quotes YAML reads 0755 as the number 493, or as 755, depending on the reader.",
		"Write it like `mode: \"0755\"`."),
	recipeInfo(CodeRecipeOwner, "not an owner",
		"`owner` is a user and a group in numbers, joined by a colon, each at most 4294967294.",
		"A name would have to be looked up in a file of the image, and could mean another number tomorrow.",
		"Write it like `owner: \"1000:1000\"`."),
	recipeInfo(CodeRecipeTarget, "not a target",
		"`target` is the name of a stage of the Dockerfile, or its number.",
		"No FROM line can give a stage that name, so that the build could only fail.",
		"Write the name behind AS: `target: final`."),
	recipeInfo(CodeRecipeImagePath, "not a path inside the image",
		"The value is a path inside the image. It begins with / and has no `..` in it.",
		"A relative path would depend on what the base image happens to say.",
		"Write it from the root: `workdir: /app`."),
	recipeInfo(CodeRecipeUser, "not a user",
		"`user` is a name or a number, with a group behind a colon if you like: `app`, `1000`, `1000:1000`.",
		"The runtime would refuse it when the image starts.",
		"Write it like `user: \"1000:1000\"`. Numbers let Kubernetes check runAsNonRoot."),
	recipeInfo(CodeRecipePort, "not a port",
		"A port is a number from 1 to 65535, with /tcp, /udp or /sctp behind it if you like, in quotes.",
		"The runtime would refuse it when the image starts.",
		"Write it like `expose: [\"8080\", \"53/udp\"]`."),
	recipeInfo(CodeRecipeSignal, "not a signal",
		"`stopSignal` is the name of a signal, as SIGTERM, or its number from 1 to 64.",
		"The runtime would refuse it when the container is to stop.",
		"Write it like `stopSignal: SIGQUIT`."),
	recipeInfo(CodeRecipeCompression, "unknown compression",
		"`compression` is zstd (the default), gzip or none.",
		"The compressor's bytes are part of the image's digest, so only ones whose version is pinned are offered.",
		"Write `compression: zstd`; take gzip for registries or runtimes from before 2021."),
	recipeInfo(CodeRecipeHost, "not a host",
		"`private` lists hosts, as a name or an address, with a port behind a colon if it is not the usual one.",
		"While recording, addresses on loopback and private networks are refused unless the recipe names them: a build step must not be able\nto read the services of the machine it is recorded on.",
		"Write it like `private: [npm.corp.example, \"10.1.2.3:8081\"]`."),
	recipeInfo(CodeRecipeLabel, "not a label name",
		"The name of a label has letters, digits and . _ - / and at most 128 characters.",
		"Tools that select images by label cannot name others.",
		"Write it like `org.opencontainers.image.title: Shop`."),
}
