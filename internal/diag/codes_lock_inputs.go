package diag

// The codes of sealed inputs: the store's blobs, and the requests of steps.
const (
	InputMissing     Code = "A0220"
	InputCorrupt     Code = "A0221"
	InputOther       Code = "A0222"
	RequestUnlocked  Code = "A0223"
	RequestRefused   Code = "A0224"
	RequestPrivate   Code = "A0225"
	RequestFailed    Code = "A0226"
	RequestSecret    Code = "A0227"
	RequestAmbiguous Code = "A0228"
	StoreBusy        Code = "A0229"
)

var inputCodes = []Info{
	lockInfo(InputMissing, ExitUndecided, "a locked input is not in the store",
		"The lock names a digest whose bytes are not in the store of this machine.",
		"A sealed build has no network, so it can only use bytes that are already here.",
		"Let `selfsame build` fetch it (leave `--offline` out), take it from a seal with `--from REF@DIGEST`, or run\n`selfsame lock` where upstream can still be reached."),
	lockInfo(InputCorrupt, ExitUndecided, "the store is damaged",
		"A blob in the store no longer has the bytes that its digest names: a failing disk, or somebody changed the file.",
		"Building with it would give another image, on both sides alike, so the comparison could not see it.",
		"Remove the damaged file that the message names and build again: it is fetched anew. Check the disk (`dmesg`)\nif it happens twice."),
	lockInfo(InputOther, ExitLock, "upstream has other bytes than the lock",
		"A locked input was missing here and was fetched again, but what came is not what was locked.",
		"Somebody replaced a published file, or a name that moves was locked.",
		"Find out why before you accept it. Then run `selfsame lock` and review the change, or build from a seal,\nwhich holds the old bytes."),
	lockInfo(RequestUnlocked, ExitLock, "a step asked for something that is not locked",
		"While building, a step requested a URL (with that Accept header) that the lock has no answer for. It got 404, and the\nbuild failed, whatever the step made of it.",
		"What is not locked cannot be the same next time. A step that swallows the 404 would silently build something else.",
		"If the step changed, run `selfsame lock`. If the URL holds the time or a random number, the step cannot be sealed as it\nis: fetch a fixed URL instead."),
	lockInfo(RequestRefused, ExitLock, "a step's request cannot be sealed",
		"While recording, a step made a request that is refused: a method other than GET, user info in the URL, an answer with\n`Vary: *`, the input server's own address, or a URL or an answer that holds the value of a secret (`lock --secret`).",
		"Such an answer depends on more than URL and Accept, so a sealed build could not give it again; and what is kept is published\nwith the lock and the seal, so no secret may be in it.",
		"Fetch over plain GET. For a git repository use `ADD <git URL>` in place of `git clone`. Put credentials into a\n`--mount=type=secret`, not into the URL."),
	lockInfo(RequestPrivate, ExitLock, "a step asked for a private address",
		"While recording, a step's request led to a loopback, link-local or private address, and the recipe does not allow that\nhost.",
		"A Dockerfile from elsewhere could otherwise read your metadata service or intranet, and the answers would be kept\nin the store and published with the seal.",
		"If the host is meant, name it in the recipe:\n\n  record:\n    private: [packages.corp.example]"),
	lockInfo(RequestFailed, ExitUndecided, "a request could not be captured",
		"Upstream did not answer, answered with a server error, or broke off in the middle; or a blob for a sealed answer could\nnot be read from the store. The message has the reason.",
		"Half an answer, or an error of the moment, must not be locked.",
		"Try again later: `selfsame lock`. If upstream is slow, a mirror nearby helps."),
	lockInfo(RequestSecret, ExitLock, "a recorded URL carried a secret",
		"The query of a URL held something like a signature or token (X-Amz-Signature, sig, token, ...). Its value was replaced\nby REDACTED in the lock and the store.",
		"Locks and seals are published. The body that the secret gave access to is in the store, though.",
		"Check that the body may be shared before you publish a seal. Public files rarely need a signed URL."),
	lockInfo(RequestAmbiguous, ExitLock, "the lock has two answers to one request",
		"Two entries have the same URL and Accept and different bytes, status or headers.",
		"A sealed build gives one answer to one request. With two to choose from, the image would depend on the choice.",
		"Run `selfsame lock`."),
	lockInfo(StoreBusy, ExitUndecided, "the store is in use",
		"Garbage cannot be collected while another selfsame uses the store.",
		"It might be about to read what would be removed.",
		"Wait for the builds to end and run the command again."),
}
