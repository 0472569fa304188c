package diag

// freshnessCodes: A0560-A0569, lists of which only the newest counts (package freshness), and what they say.
var freshnessCodes = []Info{
	{"A0560", ExitUndecided, "a list is not the newest, or cannot be read", `
A deny list, release index or signed policy was read, and it does not count: it has ended, it is older than one that this machine has seen or than the
minimum you gave, or it was issued in the future by this machine's clock. A mirror that lags looks just like one that lies, so nothing is
decided. A gate must stay shut.

  - Has it ended? Whoever signs it renews it. Of a deny list an empty change does that, of a policy the same rules under a higher version:

    selfsame deny renew --list REF --key revoker.key
    selfsame policy push policy.yaml REF --key policy.key

  - Are you going back on purpose? Nobody takes an older one. Sign what it says again, under a higher number.
  - Is the clock of this machine right?
  - Is there a mirror or cache in between? Read the list where it is written.
`},
	{"A0561", ExitInvalid, "a list does not hold", `
What is served as the deny list or policy is not what somebody signed who may: the signature is another key's, the statement is another
one, or it is that of another repository. Somebody may be trying to hide a list, or to put rules of his own in force. Nothing was verified.

See what is there in the place of a list, without judging it:

    selfsame deny show REF
`},
	{"A0562", ExitUndecided, "what was seen before cannot be read or kept", `
selfsame remembers the highest sequence number that it has seen of every list, in $XDG_STATE_HOME/selfsame/seen. That folder cannot be read
or written, or a file in it is damaged. Without it an older list, from before something was taken back, would pass for the newest.

Give a folder that may be written with --state. Where nothing can be kept (a container that starts anew each time), say so and give the
least number that counts:

    selfsame verify REF --key release.pub --deny-list LIST --deny-key revoker.pub --stateless --deny-minimum 7
`},
	{"A0563", ExitUndecided, "the deny list was not changed", `
Others changed the list at the same time, again and again, or there is a list already where a first one was to be made. The entry may not
be in the list. Look, and try again:

    selfsame deny show REF
`},
	{"A0564", ExitUndecided, "there is no deny list", `
There is nothing under the reference of the deny list. A list that is hidden looks just like one that was never made, so nothing is
decided. Check the spelling. The first list is made, once, by

    selfsame deny new --list REF --key revoker.key

The same is said where a trust file named a list when a watch began and names none any more: name it again, or start the watch anew.
`},
	{"A0565", ExitPolicy, "the image is on the deny list", `
Somebody whom you trust to take things back has taken back this image, what it was built from, who built it or who signed for it. The
reason is in the message, and in the list:

    selfsame deny show REF

Use another version. If an entry was a mistake, the list's signer lifts it with "selfsame deny lift".
`},
	{"A0566", ExitMissing, "the release index is missing, or something that it lists", `
A release index is a signed list of all statements that exist about an image. None is attached that one of the indexer's keys signed, or a
statement that it lists is gone. Statements do not vanish by themselves: somebody deleted them, or a copy left them behind. What is gone may
be the statement that speaks against the image.

Compare with the registry where the image was published. If it was deleted on purpose, whoever signs the index says so:

    selfsame index renew REF --key indexer.key --signed-by release.pub --drop sha256:...
`},
	{"A0567", ExitUsage, "one key for two roles", `
Each role has a key of its own: what releases images must not be able to take them back, or to say which statements exist. One stolen key
would then be all. And stock cosign takes any statement by a key as "signed", so a key that also signs other things signs too much.

    selfsame key new --out revoker
    selfsame key new --out indexer
`},
	{"A0568", ExitPolicy, "a revocation would not take effect", `
"selfsame drill revoke" rehearsed taking an image back, and something that must be refused was not: the steps that say FAIL. If it had been
real, whoever verifies as the drill did would have gone on using the image.

  - An older list is not refused: let verifiers keep what they have seen (no --stateless, a --state that stays), or give them --deny-minimum.
  - A kind of entry is not refused: report it as a bug, with the command and --json.
`},
}
