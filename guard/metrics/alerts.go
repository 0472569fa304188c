package metrics

import "strings"

// Alert is an example rule for Prometheus.
type Alert struct {
	Name     string
	Expr     string
	For      string // how long it has to hold
	Severity string
	Summary  string
	// Foreign are metrics of other programs that Expr reads.
	Foreign []string
}

// Alerts come first: each is a way to have no verdict without noticing.
var Alerts = []Alert{
	{"SelfsameGuardGone", `absent(selfsame_policy_info) or up{job="selfsame-guard"} == 0`, "2m", "critical", "no guard answers here; nothing new starts, and what runs is not watched", []string{"up"}},
	{"SelfsameNoPolicy", `selfsame_policy_info == 0`, "2m", "critical", "no policy is in force, and everything is denied: none was read yet, or its signer may not sign any more; each denial says which", nil},
	{"SelfsameUnverifiedRunning", `selfsame_unverified_running > 0`, "5m", "critical", "containers run whose image is not allowed: `selfsame-guard ps`", nil},
	{"SelfsameNRIPluginGone", `containerd_nri_active_plugins_total < 1`, "1m", "critical", "the plugin is not connected to containerd: without required_plugins containers start unasked", []string{"containerd_nri_active_plugins_total"}},
	{"SelfsameUncheckedVolumes", `increase(selfsame_unchecked_total{reason="image-volume"}[10m]) > 0`, "0m", "warning", "images were mounted as volumes without a verdict: see nri.volumes in the configuration", nil},
	{"SelfsameBreakGlass", `selfsame_breakglass_active > 0`, "0m", "warning", "a break-glass statement is in force: `selfsame-guard break-glass list`", nil},
	{"SelfsameBreakGlassUsed", `increase(selfsame_breakglass_used_total[10m]) > 0`, "0m", "critical", "an image that policy denies was let through: see the log of decisions", nil},
	{"SelfsameUnwatched", `increase(selfsame_unwatched_total[10m]) > 0`, "0m", "warning", "containers run that the agent does not watch", nil},
	{"SelfsameRefreshFails", `time() - selfsame_refresh_timestamp_seconds > 900`, "0m", "warning", "policy, trust file or deny list could not be read for 15 minutes: revocations do not arrive", nil},
	{"SelfsamePolicyEnds", `selfsame_policy_expires_timestamp_seconds > 0 and selfsame_policy_expires_timestamp_seconds - time() < 86400`, "0m", "warning", "the policy ends within a day; then everything is denied", nil},
	{"SelfsameDenyListEnds", `selfsame_denylist_lacking > 0 or selfsame_denylist_expires_timestamp_seconds > 0 and selfsame_denylist_expires_timestamp_seconds - time() < 0.25 * (selfsame_denylist_expires_timestamp_seconds - selfsame_denylist_issued_timestamp_seconds)`, "0m", "critical", "nobody has renewed the deny list for three quarters of its time, or it does not count any more; without one everything is denied: `selfsame deny renew`", nil},
	{"SelfsameWebhookCertificateEnds", `selfsame_webhook_certificate_expires_timestamp_seconds > 0 and selfsame_webhook_certificate_expires_timestamp_seconds - time() < 604800`, "0m", "critical", "the certificate of the webhook ends within a week; then no API server asks it, and nothing is admitted: `selfsame-guard certificate`", nil},
	{"SelfsameStaleEvidence", `increase(selfsame_stale_evidence_used_total[10m]) > 0`, "10m", "warning", "the registry does not answer, and evidence from before is used", nil},
	{"SelfsameUndecided", `sum(rate(selfsame_verify_total{reason=~"undecided|no-policy|pending|busy"}[5m])) / sum(rate(selfsame_verify_total[5m])) > 0.05`, "5m", "warning", "more than one decision in twenty could not be made", nil},
	{"SelfsameDecisionsLost", `increase(selfsame_decisions_lost_total[10m]) > 0`, "0m", "warning", "decisions are missing from the log", nil},
	{"SelfsameClockSetBack", `increase(selfsame_clock_set_back_total[10m]) > 0`, "0m", "warning", "the clock of a node was set back: what had expired could have looked valid", nil},
	{"SelfsameSlow", `histogram_quantile(0.99, sum by (le, point) (rate(selfsame_verify_duration_seconds_bucket{cached="true"}[5m]))) > 0.05`, "10m", "warning", "warm decisions take more than 50 ms", nil},
}

// Rules is the example as a PrometheusRule for the Prometheus operator.
func Rules() string {
	var s strings.Builder
	s.WriteString("# Generated from guard/metrics by `make generate`; edits here are lost.\n" +
		"apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: selfsame-guard\nspec:\n  groups:\n  - name: selfsame-guard\n    rules:\n")
	for _, a := range Alerts {
		s.WriteString("    - alert: " + a.Name + "\n      expr: '" + a.Expr + "'\n      for: " + a.For + "\n      labels:\n        severity: " + a.Severity +
			"\n      annotations:\n        summary: '" + a.Summary + "'\n")
	}
	return s.String()
}
