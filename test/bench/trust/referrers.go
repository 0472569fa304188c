package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/local"
	"github.com/selfsame-build/selfsame/signing"
)

// single is how many attaches of one artifact each are measured beside what is there.
const single = 5

// benchReferrers attaches and lists 100, 1,000, ... referrers of one subject, on a registry with the referrers API and on one without. What
// is linear costs the same for each referrer, however many there are.
func benchReferrers(ctx context.Context, c config, t *table) error {
	for _, api := range []bool{true, false} {
		for n := 100; n <= c.referrers; n *= 10 {
			fmt.Fprintf(os.Stderr, "bench-trust: %d referrers, API %v\n", n, api)
			if err := measureReferrers(ctx, c, t, api, n); err != nil {
				return err
			}
		}
	}
	t.note("Without the referrers API an attach reads and writes the whole list, whoever makes it: one attach of many artifacts writes it once.")
	return nil
}

func measureReferrers(ctx context.Context, c config, t *table, api bool, n int) error {
	s, err := local.Serve(ctx, local.Options{Dir: filepath.Join(c.work, fmt.Sprintf("referrers-%d-%v", n, api)), NoReferrersAPI: !api})
	if err != nil {
		return err
	}
	defer s.Close()
	subject := artifact.Descriptor{MediaType: "application/vnd.oci.image.index.v1+json", Digest: digest.FromBytes(artifact.EmptyConfig), Size: 2}
	some := func(from, count int) []artifact.Artifact {
		var out []artifact.Artifact
		for i := range count {
			out = append(out, artifact.Bundle(signing.BundleMediaType, fmt.Appendf(nil, `{"n":%d}`, from+i), "https://slsa.dev/provenance/v1"))
		}
		return out
	}
	with := map[bool]string{true: "with", false: "without"}[api]
	attach := t.row(fmt.Sprintf("%s API: attach %d at once, each", with, n), "linear")
	more := t.row(fmt.Sprintf("%s API: attach one more to %d", with, n), "")
	list := t.row(fmt.Sprintf("%s API: list %d, each", with, n), "linear")
	attach.per, list.per = n, n
	repo, err := registry.New(registry.Options{}).Repository(s.Host + "/team/shop")
	if err != nil {
		return err
	}
	end := now()
	if _, err := repo.Attach(ctx, subject, some(0, n)...); err != nil {
		return err
	}
	attach.ours = append(attach.ours, end())
	for i := range c.runs {
		end = now()
		got, err := repo.Referrers(ctx, subject.Digest, artifact.Budget{Referrers: 20_000, Pages: 1000, Bytes: 1 << 30})
		if err != nil || len(got.Referrers) != n {
			return fmt.Errorf("%d of %d referrers: %w", len(got.Referrers), n, err)
		}
		list.ours = append(list.ours, end())
		if i == 0 && n == c.referrers { // the listing is the longer part
			break
		}
	}
	for i := range single {
		end = now()
		if _, err := repo.Attach(ctx, subject, some(n+i, 1)...); err != nil {
			return err
		}
		more.ours = append(more.ours, end())
	}
	return nil
}
