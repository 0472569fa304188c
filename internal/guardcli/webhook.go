package guardcli

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/guard/admission"
	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/metrics"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry"
)

type webhookOptions struct {
	listen, health       string
	cert, key, clientsCA string
	drain                time.Duration
}

func (a *app) webhookCommand() *cobra.Command {
	var o webhookOptions
	cmd := &cobra.Command{
		Use: "webhook", GroupID: "serve", Short: "Serve the cluster's API servers: pin and judge images before objects are stored", Args: cobra.NoArgs,
		Long: `Serve AdmissionReviews (admission.k8s.io/v1) at /mutate and /validate. The mutating phase gives images a digest; the validating one refuses each that has
no verdict, or no digest. It keeps nothing that another replica would have to know. The files of the certificate, and that of --client-ca, are read again when
they change. Each decision is one line of JSON on stdout, or in the file that the configuration names; so is each review that was refused, let through in audit
mode, or could not be read.`,
		Example: "  selfsame-guard webhook --tls-cert tls.crt --tls-key tls.key --listen :8443",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.runWebhook(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", ":8443", "address for API servers, HTTPS")
	f.StringVar(&o.health, "health-listen", ":8080", "address of /livez, /readyz and /metrics, HTTP; empty: none")
	f.StringVar(&o.cert, "tls-cert", "", "certificate in PEM, with its chain")
	f.StringVar(&o.key, "tls-key", "", "its private key in PEM")
	f.StringVar(&o.clientsCA, "client-ca", "", "only callers with a certificate by this authority (PEM); left out: anyone who can connect")
	f.DurationVar(&o.drain, "drain", 5*time.Second, "how long to go on listening after the signal to stop")
	return cmd
}

func (a *app) runWebhook(ctx context.Context, o webhookOptions) error {
	if o.cert == "" || o.key == "" {
		return usage("webhook needs --tls-cert and --tls-key; make both with `selfsame-guard certificate`")
	}
	c, err := a.configuration()
	if err != nil {
		return err
	}
	certificates, err := admission.LoadCertificates(o.cert, o.key, time.Now)
	if err != nil {
		return err
	}
	var callers *admission.Callers
	if o.clientsCA != "" {
		if callers, err = admission.LoadCallers(o.clientsCA, time.Now); err != nil {
			return err
		}
	}
	g, err := a.open(ctx, c)
	if err != nil {
		return err
	}
	defer g.close()
	gate, err := admission.New(admission.Options{
		Asker: g, Tags: admission.NewTags(admission.Registry{Client: registry.New(registryOptions)}, time.Now), Now: time.Now, Scope: g.Scope,
		Modes:    admission.Modes{Default: admission.Mode(c.Admission.Default), Audit: c.Admission.Audit, Enforce: c.Admission.Enforce},
		Reviewed: (&reviews{log: g.Log, metrics: g.Metrics}).add,
	})
	if err != nil {
		return err
	}
	ends := func() { g.Metrics.Put(metrics.TLSEnds, float64(certificates.NotAfter().Unix())) }
	ends()
	serving := admission.Serving{
		Listen: o.listen, Health: o.health, Certificates: certificates, Callers: callers, Metrics: g.Metrics.Handler(), Drain: o.drain,
		Ready: func() error {
			ends()
			if g.Edition().SHA256 == "" {
				return errors.New("no policy has been read yet: everything is denied")
			}
			return nil
		},
		Failed:    func(err error) { g.notice(err.Error()) },
		Listening: func(hook, health net.Addr) { g.notice("serving reviews on " + hook.String() + listens(health)) },
	}
	return g.serveReviews(ctx, gate, serving)
}

// serveReviews serves until ctx ends. The engine outlives the listeners: what is under way when the signal comes still gets an answer.
func (g *guard) serveReviews(ctx context.Context, gate *admission.Gate, serving admission.Serving) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	all, life := errgroup.WithContext(life)
	all.Go(func() error { return g.run(life, func() {}) })
	all.Go(func() error { return g.serveMetrics(life) })
	all.Go(func() error {
		defer end()
		stop, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(life, cancel)()
		return gate.Serve(stop, serving)
	})
	if err := all.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return context.Cause(ctx)
}

func listens(health net.Addr) string {
	if health == nil {
		return ""
	}
	return ", probes on " + health.String()
}

// reviews counts reviews and writes a line for those that are more than their decisions: what was refused without a verdict, let through in
// audit mode, or could not be read.
type reviews struct {
	log     func(line []byte) // does not wait
	metrics *metrics.Set
}

// review is such a line.
type review struct {
	SchemaVersion int       `json:"schemaVersion"`
	Time          time.Time `json:"time"`
	Review        string    `json:"review"` // the phase
	Outcome       string    `json:"outcome"`
	Mode          string    `json:"mode,omitempty"`
	Who           any       `json:"who,omitempty"`
	Operation     string    `json:"operation,omitempty"`
	Refusals      []refusal `json:"refusals"`
	Micros        int64     `json:"micros"`
}

type refusal struct {
	Image  string `json:"image"`
	Reason string `json:"reason"`
	Judged bool   `json:"judged"` // a line of its own says more
}

// maxRefusals bounds the refusals of a line.
const maxRefusals = 10

func (r *reviews) add(done admission.Reviewed) {
	r.metrics.Add(metrics.Reviews, 1, string(done.Phase), done.Outcome)
	r.metrics.Observe(metrics.ReviewSeconds, done.Duration.Seconds(), string(done.Phase))
	if done.Phase == admission.Validate { // both phases see the same places
		r.metrics.Add(metrics.Unjudged, float64(done.Kept))
	}
	if len(done.Refusals) == 0 {
		return
	}
	line := review{SchemaVersion: 1, Time: time.Now().UTC(), Review: string(done.Phase), Outcome: done.Outcome, Mode: string(done.Mode), Operation: done.Operation, Micros: done.Duration.Microseconds()}
	if done.Who != (engine.Who{}) {
		line.Who = done.Who
	}
	for _, f := range done.Refusals[:min(maxRefusals, len(done.Refusals))] {
		line.Refusals = append(line.Refusals, refusal{Image: diag.Printable(cut(f.Image, 512)), Reason: diag.Printable(cut(f.Reason, 4096)), Judged: f.Judged})
	}
	data, err := json.Marshal(line)
	if err != nil {
		return // text always encodes
	}
	r.log(append(data, '\n'))
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n] + "..."
	}
	return s
}
