package diag

// The codes of `selfsame check`: a recipe or Dockerfile that can be built, and what in it makes two builds differ or makes the
// lock say less than it could. All but the first are warnings or notes; exit 10 applies to them only with --strict.
const (
	CodeRecipeDockerfile Code = "A0150"
	CodeLintTag          Code = "A0151"
	CodeLintLatest       Code = "A0152"
	CodeLintSyntax       Code = "A0153"
	CodeLintAddURL       Code = "A0154"
	CodeLintCacheMount   Code = "A0155"
	CodeLintSecretMount  Code = "A0156"
	CodeLintPipeToShell  Code = "A0157"
	CodeLintGitClone     Code = "A0158"
	CodeLintClock        Code = "A0159"
	CodeLintRandom       Code = "A0160"
	CodeLintNative       Code = "A0161"
	CodeLintDateMacro    Code = "A0162"
	CodeLintUpgrade      Code = "A0163"
	CodeLintLogs         Code = "A0164"
	CodeLintHostKeys     Code = "A0165"
	CodeLintMachineID    Code = "A0166"
	CodeLintMachine      Code = "A0167"
	CodeLintPip          Code = "A0168"
	CodeLintNpm          Code = "A0169"
	CodeLintBytecode     Code = "A0170"
)

var recipeLintCodes = []Info{
	recipeInfo(CodeRecipeDockerfile, "the Dockerfile cannot be read",
		"BuildKit's own parser refuses the Dockerfile.",
		"The build would stop at the same place, after the inputs have been fetched.",
		"Correct the line that the message names."),
	recipeInfo(CodeLintTag, "a base image is named by its tag",
		"FROM, COPY --from or a mount names an image by tag. This is a note, not a warning: `selfsame lock` pins the tag to a digest, and\nbuilds use only the digest.",
		"Without selfsame the same Dockerfile gives another image after the tag has moved.",
		"Nothing, if the image is built by selfsame only. Otherwise pin it: `FROM debian:trixie@sha256:...`; the lock has the digest."),
	recipeInfo(CodeLintLatest, "an image is taken as latest",
		"An image is named with the tag latest, or with no tag, which means latest.",
		"The lock pins it, but nobody can see from the Dockerfile what was meant, and every `selfsame lock --upgrade` may jump a major version.",
		"Name a version: `FROM debian:trixie`."),
	recipeInfo(CodeLintSyntax, "the Dockerfile asks for another frontend",
		"The `# syntax=` line names a frontend that is neither docker/dockerfile:1 nor pinned by digest.",
		"A frontend is a program that turns the Dockerfile into the build. One that floats can change every step, so the build refuses it.",
		"Remove the line, write `# syntax=docker/dockerfile:1` (the frontend built into the builder is used, its version recorded), or pin\nthe frontend: `# syntax=NAME@sha256:...`."),
	recipeInfo(CodeLintAddURL, "ADD of a URL without a checksum",
		"ADD downloads a file and does not say which bytes it expects.",
		"The lock pins what was there at lock time; a checksum says what the author meant, and stops a changed file at `selfsame lock`.",
		"Add the checksum: `ADD --checksum=sha256:... URL /path`. `curl -L URL | sha256sum` prints it."),
	recipeInfo(CodeLintCacheMount, "a cache mount starts empty",
		"The step uses `--mount=type=cache`.",
		"What an earlier build left in a cache can change what this one makes, and no digest covers it. selfsame therefore gives each build\nan empty folder: the step works, but is not faster.",
		"Remove the mount if nothing but this build uses the Dockerfile; else leave it. Downloads are fast either way: they come from the store."),
	recipeInfo(CodeLintSecretMount, "a step wants a secret or an ssh agent",
		"The step uses `--mount=type=secret` or `--mount=type=ssh`.",
		"Secrets exist only while recording: one is an input that no lock can name. In a sealed build the mount is absent, or an empty file\nif it says `required`; a step that needs the value to do more than download fails there.",
		"Use the secret only to download (the responses are sealed), and let the step pass without it; give it with\n`selfsame lock --secret id=...`."),
	recipeInfo(CodeLintPipeToShell, "a download is run as it arrives",
		"The step feeds what curl or wget prints to a shell or another interpreter.",
		"The script was never seen by a reviewer, often downloads more, and when the connection breaks half of it has run.",
		"Download a released file with a checksum instead:\n  ADD --checksum=sha256:... https://example.com/tool-1.2.tar.gz /tmp/"),
	recipeInfo(CodeLintGitClone, "a step fetches a git repository",
		"The step runs git clone, fetch, pull or submodule update.",
		"Git speaks a protocol of its own with POST requests, which cannot be sealed; `selfsame lock` refuses such a step.",
		"Let the builder fetch the commit; it is sealed as a bundle:\n  ADD https://example.com/team/lib.git#v1.2.3 /src/lib"),
	recipeInfo(CodeLintClock, "a step asks for the time",
		"The step runs `date` without naming a time, or reads $EPOCHSECONDS.",
		"The two builds run at different times, on clocks a year apart. If the value gets into a file, they differ.",
		"Use the image's own time, which every step has in its environment:\n  date -u -d \"@$SOURCE_DATE_EPOCH\" +%Y-%m-%d"),
	recipeInfo(CodeLintRandom, "a step asks for randomness",
		"The step uses $RANDOM, mktemp, uuidgen, shuf, `openssl rand` or /dev/urandom.",
		"Random values and random file names differ in every build. A secret made at build time is also the same in every container.",
		"Use a fixed name (`/tmp/build`) instead of mktemp, a fixed seed where a tool takes one (`shuf --random-source=FILE`), and make keys\nand passwords when the container starts."),
	recipeInfo(CodeLintNative, "code is compiled for the building machine",
		"A compiler is told to use whatever the machine's CPU offers (-march=native, -mtune=native, target-cpu=native).",
		"Another builder gives another program, and the program may die with \"illegal instruction\" elsewhere.",
		"Name the baseline: `-march=x86-64-v2`, or leave the flag out."),
	recipeInfo(CodeLintDateMacro, "a source text holds the compile time",
		"The C macros __DATE__, __TIME__ or __TIMESTAMP__ appear in a file that the build writes.",
		"gcc and clang take the time from SOURCE_DATE_EPOCH when it is set; other compilers, and __TIMESTAMP__ with some, do not.",
		"Remove the macro, or pass the time in: `-DBUILD_DATE=...` made from $SOURCE_DATE_EPOCH."),
	recipeInfo(CodeLintUpgrade, "a step upgrades all packages",
		"The step runs apt-get upgrade, dist-upgrade or its like.",
		"What it does depends on the day of the lock, and it stores every replaced file twice, once in the base and once in this layer.",
		"Take a newer base: `selfsame lock --upgrade`. For one fix, install that package by name."),
	recipeInfo(CodeLintLogs, "installing packages leaves logs with times in them",
		"The step installs Debian packages and leaves /var/log and /var/cache/ldconfig/aux-cache behind.",
		"dpkg and apt write the time of day into their logs, and ldconfig writes inode numbers and times into its cache. Nothing reads either\nin an image.",
		"End the same step with:\n  && rm -rf /var/lib/apt/lists/* /var/log/* /var/cache/ldconfig/aux-cache\nA later step cannot do it: the layer of this one would still hold them."),
	recipeInfo(CodeLintHostKeys, "the image holds freshly made ssh keys",
		"The step makes an ssh key, or installs openssh-server, which makes host keys.",
		"The keys differ in every build; and every container of the image would share one private key that anybody can read.",
		"Remove them in the same step (`rm -f /etc/ssh/ssh_host_*`) and make them when the container starts (`ssh-keygen -A`)."),
	recipeInfo(CodeLintMachineID, "the image holds a machine id",
		"The step makes /etc/machine-id, by itself or by installing systemd or dbus.",
		"The id is random, and meant to be unique for each machine; in an image it is neither reproducible nor unique.",
		"Empty it in the same step: `: > /etc/machine-id`, and remove /var/lib/dbus/machine-id."),
	recipeInfo(CodeLintMachine, "a step asks for the machine's name or kernel",
		"The step reads the kernel's release or version (uname -r, -v, -n, -a) or the host name.",
		"The two builds run under different names and kernel names on purpose. If the value gets into a file, they differ.",
		"Remove it. `uname -m` and `uname -s` are fine: they follow from the platform."),
	recipeInfo(CodeLintPip, "pip installs without hashes",
		"pip is not told which files it may accept.",
		"The lock pins the files that pip took at lock time; hashes say which ones the author meant, for all dependencies.",
		"Write them down once, then ask for them:\n  pip-compile --generate-hashes requirements.in\n  RUN pip install --require-hashes -r requirements.txt"),
	recipeInfo(CodeLintNpm, "npm install may change the lockfile",
		"The step runs `npm install`, which takes other versions than package-lock.json says when the two disagree.",
		"`npm ci` installs exactly what the lockfile says, checks its hashes, and fails when it does not fit.",
		"Run `npm ci`. For a tool, name an exact version: `npm install -g typescript@5.9.2`."),
	recipeInfo(CodeLintBytecode, "Python's bytecode holds the time of its source",
		"Python or pip writes .pyc files in this step. By default a .pyc file holds the modification time of its source.",
		"That time is the time of the build, so that the two builds differ, and the cache is stale once the image's times are set.",
		"Add `ENV PYTHONDONTWRITEBYTECODE=1` and `pip install --no-compile`, or compile with\n`python -m compileall --invalidation-mode unchecked-hash`."),
}
