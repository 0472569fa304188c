package diag

// The codes of the source tree as an input.
const (
	SourceUnreadable Code = "A0240"
	SourceSpecial    Code = "A0241"
	SourceCollision  Code = "A0242"
	SourceChanged    Code = "A0243"
	GitMissing       Code = "A0244"
	EpochUnknown     Code = "A0245"
	GitFetch         Code = "A0246"
	GitRef           Code = "A0247"
	SourceIgnore     Code = "A0248"
	SourceTooLarge   Code = "A0249"
	SourceDirty      Code = "A0250"
	SourceUntracked  Code = "A0251"
	SourceLeftOut    Code = "A0252"
	SourcePointers   Code = "A0253"
	SourceSubmodules Code = "A0254"
	SourceKeys       Code = "A0255"
)

var sourceCodes = []Info{
	lockInfo(SourceUnreadable, ExitUsage, "the source cannot be read",
		"The source folder, or a file in it, is not there or may not be read.",
		"The source is an input; an image without part of it would be another image.",
		"Check `source.path` in the recipe (it is relative to the recipe) and the permissions of the named file."),
	lockInfo(SourceSpecial, ExitUsage, "the source holds a file that is neither file, folder nor link",
		"A socket, a named pipe or a device lies in the source folder.",
		"Such a thing has no bytes of its own, so it cannot be an input.",
		"Add it to .dockerignore, or remove it."),
	lockInfo(SourceCollision, ExitUsage, "two names in the source differ only by case or Unicode form",
		"On a filesystem that folds case or Unicode forms (macOS, Windows, some network shares) the two would be one file.",
		"Which of them survives there is chance, so somebody who rebuilds from a clone gets another image.",
		"Rename one of them, or leave one out with .dockerignore."),
	lockInfo(SourceChanged, ExitUndecided, "a source file changed while it was read",
		"The size or time of a file changed while it was being packed, three times in a row.",
		"A half-written file would be sealed: bytes that never were on disk as a whole.",
		"Stop what writes there (an editor, a watcher, a running build), or add the file to .dockerignore."),
	lockInfo(GitMissing, ExitUndecided, "git is needed and not installed",
		"The recipe asks for something of a git repository, and there is no `git` program in PATH.",
		"Commits and tracked files are git's to tell.",
		"Install it: `apt-get install git`."),
	lockInfo(EpochUnknown, ExitUsage, "the source has no commit to take the time from",
		"`epoch: source` means the commit's time, and the source is in no git work tree, or has no commit yet.",
		"The image needs a time that is the same for everybody who builds it; the time of the build is not.",
		"Commit the source, or give a number of seconds in the recipe, such as `epoch: 1735689600`."),
	lockInfo(GitFetch, ExitUndecided, "the git repository could not be fetched",
		"Git failed to fetch the repository; the message has git's words.",
		"The source cannot be sealed without having it once.",
		"Try `git ls-remote URL` by hand. Git runs here without your own configuration; for ssh, an agent\n(SSH_AUTH_SOCK) is passed on."),
	lockInfo(GitRef, ExitUsage, "the git reference does not exist",
		"The repository has no branch, tag or commit of that name.",
		"The lock pins the commit that the name stands for.",
		"List what there is: `git ls-remote URL`."),
	lockInfo(SourceIgnore, ExitUsage, "the ignore file has a bad pattern",
		"A line of .dockerignore is no valid pattern; the message has the line.",
		"A pattern that matches nothing could let a secret into the image.",
		"Correct the line. The rules are Docker's: `*`, `**`, `?`, `[a-z]`, and `!` to bring names back."),
	lockInfo(SourceTooLarge, ExitUsage, "the source is too large",
		"The source has more files or bytes than are allowed.",
		"Every read is bounded. A source of this size is most often a folder that was not meant to be in it.",
		"Add folders that the build does not need to .dockerignore, such as build outputs and virtual environments."),
	lockInfo(SourceDirty, ExitUsage, "the source differs from its commit",
		"Tracked files have changes that are not committed. The image is built from the files as they are.",
		"Nobody else can rebuild it from the commit; the evidence says so.",
		"Commit the changes. `git status` lists them."),
	lockInfo(SourceUntracked, ExitUsage, "git tracks none of the source files",
		"The source folder lies in a git work tree, has files, and git tracks none of them.",
		"In a work tree the source is the tracked files, so this build would have no source at all.",
		"Run `git add` on them, or choose another `source.path`."),
	lockInfo(SourceLeftOut, ExitUsage, "files beside the tracked ones are not in the build",
		"The source folder has files that git neither tracks nor ignores.",
		"In a git work tree the source is what git tracks, so that a clone gives the same build.",
		"Run `git add` on what belongs to the build, and list the rest in .gitignore."),
	lockInfo(SourcePointers, ExitUsage, "git LFS pointers are packed",
		"Files of the source are pointers of git LFS: their content was not checked out.",
		"The build then has the few bytes of the pointer and not the file, which a clone elsewhere may have.",
		"Run `git lfs pull` in the work tree. Of a source that selfsame fetches itself, LFS content is never fetched."),
	lockInfo(SourceKeys, ExitUsage, "private signing keys are left out of the build",
		"The source has files that begin as private keys in cosign's format do.",
		"Whatever is in the source is in the hands of every step, and of every image and seal that holds it.",
		"Keep signing keys elsewhere. If a test needs such a file, have a step make it."),
	lockInfo(SourceSubmodules, ExitUsage, "submodules are not checked out",
		"The source has submodules whose folders are empty.",
		"The build has none of their files, which a clone with submodules would have.",
		"Run `git submodule update --init --recursive`."),
}
