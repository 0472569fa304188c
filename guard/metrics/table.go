// Package metrics is what selfsame-guard counts. One table names every metric: the program registers them from it, and the reference page
// and the example alerts are made from it. Metrics count what was not checked as well as what was.
//
// No digest, image or namespace is a label: their number has no bound. They are in the log of decisions.
package metrics

// Kind is how a metric moves.
type Kind string

// The kinds.
const (
	Counter   Kind = "counter"
	Gauge     Kind = "gauge"
	Histogram Kind = "histogram" // of seconds
)

// Name is a metric of the table.
type Name string

// Metric describes one.
type Metric struct {
	Name   Name
	Kind   Kind
	Help   string
	Labels []string
	// Values are all values of each label, where they are few; they are in the page.
	Values string
}

// The metrics.
const (
	Verify        Name = "selfsame_verify_total"
	VerifySeconds Name = "selfsame_verify_duration_seconds"
	Gather        Name = "selfsame_gather_total"
	GatherSeconds Name = "selfsame_gather_duration_seconds"
	StaleUsed     Name = "selfsame_stale_evidence_used_total"
	CacheImages   Name = "selfsame_cache_images"
	CacheBytes    Name = "selfsame_cache_evidence_bytes"
	CacheDropped  Name = "selfsame_cache_dropped_total"
	Vanished      Name = "selfsame_vanished_statements_total"
	PolicyInfo    Name = "selfsame_policy_info"
	PolicyEnds    Name = "selfsame_policy_expires_timestamp_seconds"
	DenySequence  Name = "selfsame_denylist_sequence"
	DenyIssued    Name = "selfsame_denylist_issued_timestamp_seconds"
	DenyEnds      Name = "selfsame_denylist_expires_timestamp_seconds"
	DenyLacking   Name = "selfsame_denylist_lacking"
	RefreshFailed Name = "selfsame_refresh_failures_total"
	RefreshedAt   Name = "selfsame_refresh_timestamp_seconds"
	Rejudged      Name = "selfsame_rejudged_total"
	ClockBack     Name = "selfsame_clock_set_back_total"
	DecisionsLost Name = "selfsame_decisions_lost_total"
	Running       Name = "selfsame_running"
	Unverified    Name = "selfsame_unverified_running"
	Unwatched     Name = "selfsame_unwatched_total"
	BreakGlass    Name = "selfsame_breakglass_active"
	BreakGlassUse Name = "selfsame_breakglass_used_total"
	Refused       Name = "selfsame_agent_refused_total"
	Reviews       Name = "selfsame_admission_reviews_total"
	ReviewSeconds Name = "selfsame_admission_review_duration_seconds"
	Unjudged      Name = "selfsame_admission_unjudged_total"
	TLSEnds       Name = "selfsame_webhook_certificate_expires_timestamp_seconds"
	Unchecked     Name = "selfsame_unchecked_total"
	NRIConnected  Name = "selfsame_nri_connected"
)

// Table is every metric, in the order of the page.
var Table = []Metric{
	{Verify, Counter, "Decisions, by where they were asked for, how they ended and why.", []string{"point", "result", "reason"},
		"point: admission, pull, start, watch, other; result: allow, deny; reason: ok, handed-on, break-glass, rule, denied, objected, missing, invalid, undecided, gone, no-policy, pending, busy, usage"},
	{VerifySeconds, Histogram, "How long a decision took, as the gate saw it.", []string{"point", "cached"}, "cached: true, false"},
	{Gather, Counter, "How often evidence was gathered from a registry.", []string{"result"}, "result: ok, error"},
	{GatherSeconds, Histogram, "How long that took.", nil, ""},
	{StaleUsed, Counter, "Decisions over evidence that was due to be asked for again, because the registry did not answer.", nil, ""},
	{CacheImages, Gauge, "Images whose verdict is in memory.", nil, ""},
	{CacheBytes, Gauge, "Compressed evidence in memory, in bytes.", nil, ""},
	{CacheDropped, Counter, "Kept evidence that was not used, and why.", []string{"reason"},
		"reason: future (its time lies ahead: the clock was set back), unsafe (others could write it), damaged, superseded (newer evidence was not kept), full (the queue of writes)"},
	{Vanished, Counter, "Statements that were attached to an image, and are not when its evidence is gathered again. The newer evidence counts.", nil, ""},
	{PolicyInfo, Gauge, "1 for the policy in force; 0 without a name: there is none, and everything is denied.", []string{"name", "version", "sha256"}, ""},
	{PolicyEnds, Gauge, "When the policy in force ends, in seconds since 1970; 0: it does not end, or there is none.", nil, ""},
	{DenySequence, Gauge, "Sequence number of the deny list in force; 0: there is none.", nil, ""},
	{DenyIssued, Gauge, "When the deny list in force was issued, in seconds since 1970; 0: there is none.", nil, ""},
	{DenyEnds, Gauge, "When the deny list in force ends or is too old (`maxAge`), after which everything is denied, in seconds since 1970; 0: there is none.", nil, ""},
	{DenyLacking, Gauge, "1: a deny list is asked for and none counts, as where who signed it may not sign any more; everything is denied. 0: one counts, or none is asked for.", nil, ""},
	{RefreshFailed, Counter, "How often a new policy, trust file or deny list could not be taken; the old one stays in force until it ends.", []string{"what"}, "what: policy, trust (file or deny list), break-glass"},
	{RefreshedAt, Gauge, "When policy, trust file and deny list were last read without a failure, in seconds since 1970.", nil, ""},
	{Rejudged, Counter, "Images that were judged again after a change, by whether their verdict changed.", []string{"changed"}, "changed: allowed, denied, same"},
	{ClockBack, Counter, "How often the clock was found set back; decisions go on with the later time.", nil, ""},
	{DecisionsLost, Counter, "Decisions that are not in the log, because it could not be written fast enough or at all.", nil, ""},
	{Running, Gauge, "Containers that the agent knows to run, and image volumes that they mount.", nil, ""},
	{Unverified, Gauge, "Those of them whose image is not allowed now.", nil, ""},
	{Unwatched, Counter, "Containers that the agent did not take into its inventory.", []string{"reason"}, "reason: full, no-digest"},
	{BreakGlass, Gauge, "Break-glass statements in force.", nil, ""},
	{BreakGlassUse, Counter, "Decisions that a break-glass statement turned from deny to allow.", []string{"point"}, ""},
	{Refused, Counter, "Requests to the agent's socket that were not answered with a verdict.", []string{"reason"}, "reason: peer (nobody who may ask), busy (too many connections), user (too many of one user, or of all but root), malformed"},
	{Reviews, Counter, "Reviews that the webhook answered.", []string{"phase", "outcome"},
		"phase: mutate, validate; outcome: allowed, denied, warned (denied, in audit mode), skipped (nothing in it could start), malformed"},
	{ReviewSeconds, Histogram, "How long a review took.", []string{"phase"}, "phase: mutate, validate"},
	{Unjudged, Counter, "Images in reviews that were let through without a question, because the object had them already.", nil, ""},
	{TLSEnds, Gauge, "When the certificate that the webhook serves ends, in seconds since 1970.", nil, ""},
	{Unchecked, Counter, "What a gate let through without a verdict, because nobody says which image it is.", []string{"point", "reason"},
		"point: start; reason: image-volume, sandbox-image"},
	{NRIConnected, Gauge, "1 while the start gate is connected to containerd; 0 also where there is none.", nil, ""},
}
