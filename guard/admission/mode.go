package admission

// Mode is what a denial leads to.
type Mode string

// The modes. The verdict is the same in both.
const (
	Enforce Mode = "enforce" // the request is refused
	Audit   Mode = "audit"   // the request is allowed, with a warning, a line in the API server's audit log, and one in the log of decisions
)

// Modes says which namespaces are in which mode. It is the guard's own configuration and not a label of the namespace: whoever may edit a
// namespace may label it, and would let himself out. The zero value enforces everywhere.
type Modes struct {
	// Default is of namespaces that are in neither list; empty: Enforce.
	Default Mode
	Audit   []string // namespaces in audit mode
	Enforce []string // namespaces in enforce mode; a namespace in both lists is enforced
}

// Of is the mode of a namespace.
func (m Modes) Of(namespace string) Mode {
	for _, n := range m.Enforce {
		if n == namespace {
			return Enforce
		}
	}
	for _, n := range m.Audit {
		if n == namespace && n != "" {
			return Audit
		}
	}
	if m.Default == Audit {
		return Audit
	}
	return Enforce
}
