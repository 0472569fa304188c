package diag

// Code names one kind of failure, for ever: A0101. The second and third digit are the group: A01 recipe, A02 lock, A03
// build, A04 mismatch, A05 evidence, A06 policy, A07 environment, A08 audit, A09 guard.
type Code string

// Info describes a Code: the exit code it leads to, a title, and the page `selfsame explain CODE` prints (what it means,
// why it matters, what to do, each with a runnable command where there is one).
type Info struct {
	Code  Code
	Exit  int
	Title string
	Page  string
}

// Table is every code, group by group (one file a group: codes_recipe.go and so on).
func Table() []Info {
	var t []Info
	for _, group := range [][]Info{recipeCodes, lockCodes, buildCodes, mismatchCodes, evidenceCodes, keylessCodes, verifyCodes, trustCodes, policyCodes, signedPolicyCodes, layoutCodes, freshnessCodes, environmentCodes, debianCodes, auditCodes, guardCodes, doctorCodes} {
		t = append(t, group...)
	}
	return t
}

// Lookup finds a code in the table.
func Lookup(c Code) (Info, bool) {
	for _, i := range Table() {
		if i.Code == c {
			return i, true
		}
	}
	return Info{}, false
}

// Exit is the exit code that c leads to; a code that is not in the table is a bug and so an internal error.
func (c Code) Exit() int {
	if i, ok := Lookup(c); ok {
		return i.Exit
	}
	return ExitInternal
}
