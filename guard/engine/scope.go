package engine

// InScope says whether a rule of the policy in force is about images of this name. Of others nothing has to be known: they are denied.
func (e *Engine) InScope(name string) bool {
	p := e.policy.Load()
	return p != nil && p.InScope(e.c.NameOf(name))
}
