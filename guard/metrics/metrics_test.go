package metrics_test

import (
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/guard/metrics"
)

// exposed is every metric name that a fresh process shows, or would with labels.
func exposed() []string {
	var out []string
	for _, m := range metrics.Table {
		out = append(out, string(m.Name))
		if m.Kind == metrics.Histogram {
			out = append(out, string(m.Name)+"_bucket", string(m.Name)+"_sum", string(m.Name)+"_count")
		}
	}
	return out
}

// TestAlertsNameMetricsThatExist: an alert on a metric that nobody exports never fires.
func TestAlertsNameMetricsThatExist(t *testing.T) {
	name := regexp.MustCompile(`[a-z_]+_[a-z_]+|\bup\b`)
	words := []string{"histogram_quantile"}
	label := regexp.MustCompile(`\{[^}]*\}|by \([^)]*\)`)
	for _, a := range metrics.Alerts {
		known := slices.Concat(exposed(), a.Foreign, words)
		found := 0
		for _, n := range name.FindAllString(label.ReplaceAllString(a.Expr, ""), -1) {
			if found++; !slices.Contains(known, n) {
				t.Errorf("%s: there is no metric %s", a.Name, n)
			}
		}
		if found == 0 {
			t.Errorf("%s reads no metric", a.Name)
		}
		if strings.ContainsAny(a.Summary, "'") || strings.Contains(a.Expr, "'") {
			t.Errorf("%s: a quote would end the YAML text", a.Name)
		}
	}
}

// TestAlertLabels: what an alert selects by must be a label of that metric, and its values those that the table lists.
func TestAlertLabels(t *testing.T) {
	selector := regexp.MustCompile(`(selfsame_[a-z_]+)\{([a-z]+)=~?"([^"]*)"\}`)
	for _, a := range metrics.Alerts {
		for _, m := range selector.FindAllStringSubmatch(a.Expr, -1) {
			i := slices.IndexFunc(metrics.Table, func(x metrics.Metric) bool { return strings.TrimSuffix(m[1], "_bucket") == string(x.Name) })
			if i < 0 || !slices.Contains(metrics.Table[i].Labels, m[2]) {
				t.Errorf("%s: %s has no label %s", a.Name, m[1], m[2])
				continue
			}
			for v := range strings.SplitSeq(m[3], "|") {
				if !regexp.MustCompile(`\b` + m[2] + `:[^;]*\b` + v + `\b`).MatchString(metrics.Table[i].Values) {
					t.Errorf("%s: %s is never %q", a.Name, m[2], v)
				}
			}
		}
	}
}

// TestUndecidedCountsWhatWasNotDecided: each reason for which nobody could say yes or no is in the alert about that.
func TestUndecidedCountsWhatWasNotDecided(t *testing.T) {
	i := slices.IndexFunc(metrics.Alerts, func(a metrics.Alert) bool { return a.Name == "SelfsameUndecided" })
	if i < 0 {
		t.Fatal("there is no such alert")
	}
	m := regexp.MustCompile(`reason=~"([a-z|-]+)"`).FindStringSubmatch(metrics.Alerts[i].Expr)
	if m == nil {
		t.Fatalf("it selects by no reason: %s", metrics.Alerts[i].Expr)
	}
	if got, want := strings.Split(m[1], "|"), []string{"undecided", "no-policy", "pending", "busy"}; !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
}

// TestDenyListAlertHolds: where no list counts, none has an end that could be near, and the alert holds by that alone ("and" binds closer than "or").
func TestDenyListAlertHolds(t *testing.T) {
	i := slices.IndexFunc(metrics.Alerts, func(a metrics.Alert) bool { return a.Name == "SelfsameDenyListEnds" })
	if i < 0 {
		t.Fatal("there is no such alert")
	}
	if parts := strings.Split(metrics.Alerts[i].Expr, " or "); len(parts) != 2 || parts[0] != "selfsame_denylist_lacking > 0" || !strings.Contains(parts[1], " and ") {
		t.Errorf("it holds only by %q", parts)
	}
}

func TestNaming(t *testing.T) {
	for _, m := range metrics.Table {
		if !strings.HasPrefix(string(m.Name), "selfsame_") || strings.HasSuffix(string(m.Name), "_total") != (m.Kind == metrics.Counter) || m.Help == "" {
			t.Errorf("%s is not named as a %s is", m.Name, m.Kind)
		}
	}
}

func TestHandler(t *testing.T) {
	s := metrics.New()
	s.Add(metrics.Verify, 2, "start", "deny", "rule")
	s.Put(metrics.Unverified, 3)
	s.Only(metrics.PolicyInfo, 1, "prod", "6", "aa")
	s.Only(metrics.PolicyInfo, 1, "prod", "7", "bb")
	s.Observe(metrics.VerifySeconds, 0.0002, "start", "true")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`selfsame_verify_total{point="start",reason="rule",result="deny"} 2`, "selfsame_unverified_running 3",
		`selfsame_policy_info{name="prod",sha256="bb",version="7"} 1`, `selfsame_verify_duration_seconds_bucket{cached="true",point="start",le="0.00025"} 1`,
		"selfsame_decisions_lost_total 0", "process_resident_memory_bytes",
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %q in\n%s", want, w.Body)
		}
	}
	if strings.Contains(w.Body.String(), `version="6"`) {
		t.Error("a policy that is no longer in force is shown")
	}
	var none *metrics.Set
	none.Add(metrics.Verify, 1, "start", "deny", "rule") // counts nothing, and stands
}
