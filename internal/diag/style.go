package diag

// The few styles there are. Colour never carries a meaning of its own: the words say the same.
const (
	styleError   = "\x1b[1;31m"
	styleWarning = "\x1b[1;33m"
	styleNote    = "\x1b[1;36m"
	styleGutter  = "\x1b[34m"
	styleBold    = "\x1b[1m"
	styleReset   = "\x1b[0m"
)

func noPaint(_, text string) string { return text }

func ansi(style, text string) string { return style + text + styleReset }

func toneOf(s Severity) string {
	switch s {
	case SeverityError:
		return styleError
	case SeverityWarning:
		return styleWarning
	default:
		return styleNote
	}
}
