package diag

// The codes of the lock file itself. Those of the bytes it names (the store, the recording and sealed server) are in
// codes_lock_inputs.go, those of the source tree in codes_lock_source.go.
const (
	LockMissing    Code = "A0201"
	LockStale      Code = "A0202"
	LockSyntax     Code = "A0203"
	LockVersion    Code = "A0204"
	LockConflict   Code = "A0205"
	LockDuplicate  Code = "A0206"
	LockUnsorted   Code = "A0207"
	LockTooLarge   Code = "A0208"
	LockUnreadable Code = "A0209"
	LockKind       Code = "A0210"
)

// lockCodes is the whole A02 group.
var lockCodes = append(append(lockFileCodes, inputCodes...), sourceCodes...)

// lockInfo lays a page of the A02 group out: what the code means, why it matters, what to do.
func lockInfo(code Code, exit int, title, what, why, fix string) Info {
	return Info{
		Code: code, Exit: exit, Title: title,
		Page: what + "\n\n" + why + "\n\n" + fix + "\n",
	}
}

var lockFileCodes = []Info{
	lockInfo(LockMissing, ExitLock, "there is no lock",
		"There is no `selfsame.lock` beside the recipe.",
		"A build reaches nothing but the inputs that the lock names by digest. Without it there is nothing to build from, and\nnothing that two builds could share.",
		"Run `selfsame lock`, look at what it wrote with `git diff`, and commit `selfsame.lock` with the recipe."),
	lockInfo(LockStale, ExitLock, "the lock is stale",
		"The recipe, the Dockerfile, the ignore file, the frontend or a reference in them is not the one that was locked.",
		"A lock that belongs to another recipe may lack inputs, or pin some that this build should no longer use.",
		"Run `selfsame lock` to see the plan of what changes and to write it. In CI, `selfsame lock --check` fails early."),
	lockInfo(LockSyntax, ExitLock, "the lock cannot be understood",
		"A line is not as `selfsame lock` writes it: wrong number of columns, a value that its column may not have, Windows line\nends, or a file cut short.",
		"Each lock has exactly one text, so that a review of the text is a review of the lock. Anything else is refused.",
		"Do not edit the file by hand; run `selfsame lock`. If git changes its line ends, add\n`selfsame.lock text eol=lf` to .gitattributes."),
	lockInfo(LockVersion, ExitLock, "the lock has another format",
		"The first line names a version of the format that this selfsame does not know.",
		"Guessing at an unknown format could leave inputs out.",
		"Use the release of selfsame that wrote the lock, or run `selfsame lock` to write it in this one's format."),
	lockInfo(LockConflict, ExitLock, "the lock holds a merge conflict",
		"Git could not merge two branches' locks and left its markers in the file.",
		"Lines of different inputs merge by themselves. A conflict means that both branches changed the same input, or the\nrecipe, so neither side is the right lock for the merged recipe.",
		"Merge the recipe and the Dockerfile first. Then take either side, `git checkout --ours selfsame.lock`, and run\n`selfsame lock`: it keeps what is still right and says what it changes."),
	lockInfo(LockDuplicate, ExitLock, "the lock names one input twice",
		"Two lines are about the same input of the same step, or two steps got different answers to the same request.",
		"A sealed build gives one answer to one request. With two to choose from, the image would depend on the choice.",
		"This is what a merge can leave behind. Run `selfsame lock`."),
	lockInfo(LockUnsorted, ExitLock, "the lock is not sorted",
		"A line sorts before the line above it. The order is that of the bytes, as `LC_ALL=C sort` gives.",
		"Order is what makes the file merge well and its digest depend on the inputs alone.",
		"Run `selfsame lock`."),
	lockInfo(LockTooLarge, ExitLock, "the lock is too large",
		"A lock may have at most 64 MiB and 200,000 lines.",
		"Every read is bounded, so that a file from a stranger cannot take the machine down.",
		"Split the image, or let a step fetch one archive in place of thousands of small files."),
	lockInfo(LockUnreadable, ExitLock, "the lock cannot be read or written",
		"The system refused to read or write `selfsame.lock`; the message has its reason.",
		"Without the lock there is nothing to build from.",
		"Check the permissions of the file and its folder with `ls -ld . selfsame.lock`, and the space left with `df .`."),
	lockInfo(LockKind, ExitLock, "the lock names an unknown kind of input",
		"The first column of a line is none of image, git, http, response, release, index and deb.",
		"An input that is not understood cannot be served or checked, so a build that needs it would not be sealed.",
		"Use the release of selfsame that wrote the lock, or run `selfsame lock`."),
}
