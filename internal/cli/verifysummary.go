package cli

// summaryFlags are verify's flags for what is handed on to other tools.
type summaryFlags struct {
	vsa, reproduced, svr     string
	verifier, key, findingBy string
	format                   string // of what is signed: bundle or dsse
	sign                     keylessFlags
	verdict                  verdictFlags
}

// wanted says whether anything is to be handed on.
func (s summaryFlags) wanted() bool { return s.files() || s.verdict.wanted() }

// files says whether any summary for other tools is to be written.
func (s summaryFlags) files() bool { return s.vsa != "" || s.reproduced != "" || s.svr != "" }

func (s summaryFlags) check() error {
	switch {
	case !s.wanted() && (s.key != "" || s.findingBy != "" || s.sign.on || s.sign.config != ""):
		return usage("--sign-with, --keyless and --finding-key sign what --vsa, --vsa-reproduced, --svr, --verdict and --attach-verdict hand on")
	case s.files() && s.verdict.wanted():
		return usage("--verdict and --attach-verdict are signed in the role verifier, and summaries for other tools in the role promoter, each by a key or identity of its own: call verify twice")
	case s.sign.on && s.format == "dsse":
		return usage("--summary-format dsse has no place for the certificate of --keyless")
	case s.format != "bundle" && s.format != "dsse":
		return usage("--summary-format %s: it is bundle or dsse", s.format)
	case s.findingBy != "" && s.vsa == "":
		return usage("--finding-key signs a failed summary, which --vsa writes")
	case front && s.wanted():
		return errWhole
	}
	if err := s.verdict.check(s); err != nil {
		return err
	}
	key := s.key
	if key == "" && !s.sign.on {
		key = s.findingBy // when a finding was signed may be all that is asked
	}
	return s.sign.check(key, false)
}
