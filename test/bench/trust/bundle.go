package main

import (
	"context"
	"fmt"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/signing"
)

// benchBundle verifies one bundle in this process: the signature, our strict reading of what was signed, and of its predicate.
func benchBundle(ctx context.Context, c config, t *table) error {
	k, err := newKeys(c.work)
	if err != nil {
		return err
	}
	l, err := layout.Create(c.work + "/bundle")
	if err != nil {
		return err
	}
	index, image, err := store(ctx, l, 0)
	if err != nil {
		return err
	}
	times := 500
	for _, inputs := range []int{c.inputs, 1000} {
		if inputs > c.inputs {
			times = 20
		}
		statements, err := provenance.Statements(describe("registry.example.com/shop", index, image, inputs))
		if err != nil {
			return err
		}
		bundle, err := signing.Sign(ctx, k.signer, statements[0].Payload)
		if err != nil {
			return err
		}
		r := t.row(fmt.Sprintf("provenance of %d inputs (%d KB), key, in this process", inputs, len(bundle)>>10), map[bool]string{true: "0.3 ms"}[inputs == c.inputs])
		trust := signing.Trust{Keys: []*signing.Verifier{k.signer.Verifier()}}
		r.per = times
		for range c.runs {
			end := now()
			for range times {
				if err := checkBundle(trust, bundle); err != nil {
					return err
				}
			}
			r.ours = append(r.ours, end())
		}
	}
	return nil
}

// checkBundle is what verify does with one bundle of provenance, but for expectations.
func checkBundle(trust signing.Trust, bundle []byte) error {
	signed, err := trust.Verify(bundle)
	if err != nil {
		return err
	}
	s, err := signed.Statement()
	if err != nil {
		return err
	}
	_, err = s.Provenance()
	return err
}
