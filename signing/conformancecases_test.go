package signing_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/selfsame-build/selfsame/signing/signingtest"
)

// equivalents are the cases of sigstore-conformance's test/assets/bundle-verify, each by its name there.
func (s suite) equivalents() map[string]func(*testing.T) *conformant {
	type cases = map[string]func(*testing.T) *conformant
	all := cases{}
	for _, group := range []cases{s.bundles(), s.firstLog(), s.intotoEntries(), s.managedKeys(), s.checkpoints(), s.secondLog(), s.timestamps(), s.roots()} {
		for name, made := range group {
			all[name] = made
		}
	}
	return all
}

func (s suite) bundles() map[string]func(*testing.T) *conformant {
	chain := func(c *conformant) map[string]any { return c.material()["x509CertificateChain"].(map[string]any) }
	raw := func(c *conformant, replace func(string) string) {
		data, err := json.Marshal(c.bundle)
		s.check(err)
		c.raw = []byte(replace(string(data)))
	}
	v03 := func(mediaType string) func(*testing.T) *conformant {
		return func(t *testing.T) *conformant {
			return s.old(t, "0.3", func(c *conformant) {
				c.bundle["mediaType"] = mediaType
				certs := chain(c)["certificates"].([]any)
				delete(c.material(), "x509CertificateChain")
				c.material()["certificate"] = certs[0]
			})
		}
	}
	with := func(change edit) func(*testing.T) *conformant {
		return func(t *testing.T) *conformant { return s.old(t, "0.2", change) }
	}
	return map[string]func(*testing.T) *conformant{
		"happy-path-v0.1":               func(t *testing.T) *conformant { return s.old(t, "0.1", nil) },
		"happy-path-v0.2":               with(nil),
		"happy-path-v0.3":               v03("application/vnd.dev.sigstore.bundle+json;version=0.3"),
		"happy-path-v0.3-new-mediaType": v03("application/vnd.dev.sigstore.bundle.v0.3+json"),
		"bundle-empty-certificate-chain_fail": with(func(c *conformant) {
			chain(c)["certificates"] = []any{}
		}),
		"bundle-with-root-cert_fail": with(func(c *conformant) {
			chain(c)["certificates"] = append(chain(c)["certificates"].([]any), map[string]any{"rawBytes": s.ca.Raw}, map[string]any{"rawBytes": s.root.Raw})
		}),
		"bundle-from-wrong-instance_fail": with(func(c *conformant) { c.root = s.second().trustedRoot(nil) }),
		"bundle-invalid-base64-signature_fail": with(func(c *conformant) {
			c.bundle["messageSignature"].(map[string]any)["signature"] = "not*base64"
		}),
		"bundle-malformed-json_fail":     with(func(c *conformant) { raw(c, func(s string) string { return s[:len(s)-1] }) }),
		"bundle-negative-log-index_fail": with(func(c *conformant) { c.entry()["logIndex"] = "-1" }),
		"bundle-unknown-version_fail":    with(func(c *conformant) { c.bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=99.9" }),
		"signature-mismatch_fail": with(func(c *conformant) {
			c.bundle["messageSignature"].(map[string]any)["signature"] = s.oldCase(c.t, "0.2").bundle["messageSignature"].(map[string]any)["signature"]
		}),
		"message-digest-mismatch_fail": with(func(c *conformant) {
			c.bundle["messageSignature"].(map[string]any)["messageDigest"].(map[string]any)["digest"] = sumOf("another")
		}),
		"wrong-material_fail": with(func(c *conformant) { c.write("a.txt", []byte("another")) }),
	}
}

// firstLog are entries of the first kind: hashedrekord and dsse, their proofs and promises.
func (s suite) firstLog() map[string]func(*testing.T) *conformant {
	stranger := s.newKey()
	strange := func(p *parts) { p.leaf = s.leaf(stranger, forgedSubject, forgedIssuer, s.now.Add(-time.Minute)) }
	message := func(entry func(digest, sig, cert []byte) map[string]any) func(*testing.T) *conformant {
		return func(t *testing.T) *conformant {
			return s.old(t, "0.2", func(c *conformant) {
				certs := c.material()["x509CertificateChain"].(map[string]any)["certificates"].([]any)
				cert := "-----BEGIN CERTIFICATE-----\n" + certs[0].(map[string]any)["rawBytes"].(string) + "\n-----END CERTIFICATE-----\n"
				sig := c.bundle["messageSignature"].(map[string]any)["signature"].([]byte)
				c.material()["tlogEntries"] = []any{entry(sumOf(content), sig, []byte(cert))}
			})
		}
	}
	statement := func(entry func(*parts, time.Time) map[string]any, change edit) func(*testing.T) *conformant {
		return func(t *testing.T) *conformant { return s.logged(t, s.now, entry, change) }
	}
	another := func(p *parts) { p.payload = []byte(statementOf(statementV1) + " ") }
	// badly is entry, and a bundle with it, for a signature that another key made.
	badly := func(entry func(*parts, time.Time) map[string]any) func(*parts, time.Time) map[string]any {
		return func(p *parts, at time.Time) map[string]any {
			q := *p
			q.key = stranger
			s.again(&q)
			p.sig = q.sig
			return entry(p, at)
		}
	}
	log := s.logs[0]
	return map[string]func(*testing.T) *conformant{
		"wrong-hashedrekord-artifact_fail": message(func(_, sig, cert []byte) map[string]any { return s.messageV1(log, sumOf("another"), sig, cert, s.now) }),
		"wrong-hashedrekord-entry_fail": message(func(_, _, cert []byte) map[string]any {
			return s.messageV1(log, sumOf("another"), s.signatureOf(stranger, sumOf("another")), cert, s.now)
		}),
		"wrong-hashedrekord-cert-and-sig_fail": message(func(digest, _, _ []byte) map[string]any {
			p := &parts{}
			strange(p)
			return s.messageV1(log, digest, s.signatureOf(stranger, digest), pemOf(p.leaf), s.now)
		}),
		"incorrect-public-key_fail": message(func(digest, sig, _ []byte) map[string]any {
			p := &parts{}
			strange(p)
			return s.messageV1(log, digest, sig, pemOf(p.leaf), s.now)
		}),
		"integrated-time-in-future_fail": message(func(digest, sig, cert []byte) map[string]any {
			return s.messageV1(log, digest, sig, cert, s.now.Add(hour/2))
		}),
		"cve-2022-36056-swapped-tlog-entry_fail": func(t *testing.T) *conformant {
			return s.old(t, "0.2", func(c *conformant) { c.material()["tlogEntries"] = s.oldCase(t, "0.2").material()["tlogEntries"] })
		},
		"set-invalid-signature_fail": func(t *testing.T) *conformant {
			return s.old(t, "0.2", func(c *conformant) { c.entry()["inclusionPromise"] = s.oldCase(t, "0.2").entry()["inclusionPromise"] })
		},
		"invalid-inclusion-proof_fail": func(t *testing.T) *conformant {
			return s.old(t, "0.2", func(c *conformant) { c.entry()["inclusionProof"] = s.oldCase(t, "0.2").entry()["inclusionProof"] })
		},
		"inclusion-proof-corrupted-hash_fail": func(t *testing.T) *conformant {
			return s.message(t, func(c *conformant) {
				hash := unbase64(t, c.entry()["inclusionProof"].(map[string]any)["hashes"].([]any)[0].(string))
				hash[0] ^= 1
				c.entry()["inclusionProof"].(map[string]any)["hashes"] = []any{hash}
			})
		},
		"happy-path-intoto-in-dsse-v3":                  statement(s.dsseV1, nil),
		"dsse-invalid-sig_fail":                         statement(badly(s.dsseV1), nil),
		"dsse-mismatch-envelope_fail":                   statement(otherwise(s.dsseV1, another), nil),
		"dsse-mismatch-sig_fail":                        statement(otherwise(s.dsseV1, s.again), nil),
		"dsse-with-hashedrekord-happy-path":             statement(s.rekordV1, nil),
		"dsse-with-hashedrekord-invalid-sig_fail":       statement(badly(s.rekordV1), nil),
		"dsse-with-hashedrekord-mismatch-envelope_fail": statement(otherwise(s.rekordV1, another), nil),
		"dsse-with-hashedrekord-mismatch-sig_fail":      statement(otherwise(s.rekordV1, s.again), nil),
		"dsse-statement-missing-type_fail":              func(t *testing.T) *conformant { return s.keyCase(t, statementOf("")) },
		"dsse-statement-unknown-type_fail": func(t *testing.T) *conformant {
			return s.keyCase(t, statementOf(`"_type":"https://in-toto.io/Statement/v9",`))
		},
	}
}

func (s suite) intotoEntries() map[string]func(*testing.T) *conformant {
	late := s.now.Add(15 * time.Minute)
	good := func(change edit) func(*testing.T) *conformant {
		return func(t *testing.T) *conformant { return s.logged(t, s.now, s.intoto, change) }
	}
	return map[string]func(*testing.T) *conformant{
		"intoto-with-custom-trust-root":       good(nil),
		"intoto-canonical-log-entry":          func(t *testing.T) *conformant { return s.intotoCase(t, nil) },
		"intoto-expired-certificate_fail":     good(s.windowOf("certificateAuthorities")),
		"intoto-missing-inclusion-proof_fail": good(func(c *conformant) { delete(c.entry(), "inclusionProof") }),
		"intoto-log-entry-mismatch_fail": func(t *testing.T) *conformant {
			return s.logged(t, s.now, otherwise(s.intoto, func(p *parts) { p.payload = []byte(statementOf(statementV1) + " "); s.again(p) }), nil)
		},
		"intoto-set-outside-signing-cert-validity_fail": func(t *testing.T) *conformant { return s.logged(t, late, s.intoto, nil) },
		"intoto-tsa-timestamp-outside-cert-validity_fail": good(func(c *conformant) {
			sig := c.bundle["dsseEnvelope"].(map[string]any)["signatures"].([]any)[0].(map[string]any)["sig"].(string)
			c.stamps(s.stamp(unbase64(c.t, sig), late))
		}),
	}
}

func (s suite) managedKeys() map[string]func(*testing.T) *conformant {
	with := func(change edit) func(*testing.T) *conformant {
		return func(t *testing.T) *conformant { return s.keyed(t, change) }
	}
	return map[string]func(*testing.T) *conformant{
		"managed-key-happy-path":       with(nil),
		"managed-key-and-trusted-root": func(t *testing.T) *conformant { return s.keyCase(t, statementOf(statementV1)) },
		"managed-key-and-client-identity_fail": with(func(c *conformant) {
			c.args = append(c.args, "--certificate-identity", forgedSubject, "--certificate-oidc-issuer", forgedIssuer)
		}),
		"managed-key-no-key_fail": with(func(c *conformant) {
			c.args = []string{"--certificate-identity", forgedSubject, "--certificate-oidc-issuer", forgedIssuer}
		}),
		"managed-key-wrong-key_fail": with(func(c *conformant) { c.write("key.pub", signingtest.NewSigner(c.t, "").Verifier().PEM()) }),
	}
}

// checkpoints are what logs of both kinds sign of their tree. Each bad one is signed as well as its fault lets it be.
func (s suite) checkpoints() map[string]func(*testing.T) *conformant {
	log, witness, second := s.logs[0], &forgedLog{name: "witness.example", key: s.newKey()}, &forgedLog{name: "another-witness.example", key: s.newKey()}
	namesake := &forgedLog{name: log.name, key: s.newKey()}
	v1 := func(anew func(string) string) func(*testing.T) *conformant {
		return func(t *testing.T) *conformant { return s.old(t, "0.2", checkpoint(anew)) }
	}
	v2 := func(anew func(string) string) func(*testing.T) *conformant {
		return func(t *testing.T) *conformant { return s.message(t, checkpoint(anew)) }
	}
	by := func(logs ...*forgedLog) func(string) string {
		return func(text string) string { return s.note(text, logs...) }
	}
	less := func(line int) func(string) string {
		return func(text string) string { return s.note(without(text, line), log) }
	}
	return map[string]func(*testing.T) *conformant{
		"checkpoint-bad-keyhint_fail":       v1(func(text string) string { return s.note(text, witness) }),
		"invalid-checkpoint-signature_fail": v1(func(text string) string { return spoiltSignature(s.note(text, log)) }),
		"checkpoint-wrong-roothash_fail": v1(func(text string) string {
			lines := strings.SplitAfter(text, "\n")
			lines[2] = base64Of(sumOf("another tree")) + "\n"
			return s.note(strings.Join(lines, ""), log)
		}),
		"rekor2-checkpoint-cosigned":                   v2(by(log, witness)),
		"rekor2-checkpoint-multiple-cosigs":            v2(by(log, witness, second)),
		"rekor2-checkpoint-origin-not-first":           v2(by(witness, log)),
		"rekor2-checkpoint-two-sigs-from-origin":       v2(by(namesake, log)),
		"rekor2-checkpoint-two-sigs-cosigned":          v2(by(log, namesake, witness)),
		"rekor2-checkpoint-missing-log-signature_fail": v2(by(witness)),
		"rekor2-checkpoint-missing-origin_fail":        v2(less(0)),
		"rekor2-checkpoint-missing-size_fail":          v2(less(1)),
		"rekor2-checkpoint-missing-root-hash_fail":     v2(less(2)),
		"rekor2-checkpoint-no-matching-signature_fail": v2(func(text string) string {
			return s.note(text, &forgedLog{name: "another.log.example", key: log.key})
		}),
	}
}

// secondLog are entries of the second kind.
func (s suite) secondLog() map[string]func(*testing.T) *conformant {
	v2 := func(p *parts) { p.entries = []map[string]any{s.entry(s.logs[0], p.digest, p.sig, p.leaf, nil, nil)} }
	with := func(change func(*parts)) func(*testing.T) *conformant {
		return func(t *testing.T) *conformant {
			p := s.signed(statementOf(statementV1))
			change(p)
			return s.of(t, p.bundle(t, nil), "--certificate-identity", forgedSubject, "--certificate-oidc-issuer", forgedIssuer)
		}
	}
	return map[string]func(*testing.T) *conformant{
		"rekor2-happy-path": func(t *testing.T) *conformant { return s.message(t, nil) },
		"rekor2-no-inclusion-proof_fail": func(t *testing.T) *conformant {
			return s.message(t, func(c *conformant) { delete(c.entry(), "inclusionProof") })
		},
		"rekor2-dsse-happy-path": func(t *testing.T) *conformant { return s.dsse(t, nil) },
		"rekor2-dsse-invalid-sig_fail": with(func(p *parts) {
			mine := p.key
			p.key = s.newKey()
			s.again(p)
			p.key, p.stamps = mine, [][]byte{s.stamp(p.sig, s.now)}
			v2(p)
		}),
		"rekor2-dsse-mismatch-envelope_fail": with(func(p *parts) { p.digest = sumOf("another"); v2(p) }),
		"rekor2-dsse-mismatch-sig_fail":      with(func(p *parts) { s.again(p); p.stamps = [][]byte{s.stamp(p.sig, s.now)} }),
	}
}

// timestamps are those of authorities, beside entries of the second kind.
func (s suite) timestamps() map[string]func(*testing.T) *conformant {
	outdated := &forge{}
	*outdated = *s.forge
	outdated.tsaLeaf = s.stamper(window{s.now.Add(-60 * 24 * hour), s.now.Add(-24 * hour)})
	stranger := s.second()
	stamped := func(stamp func(sig []byte) []byte, change edit) func(*testing.T) *conformant {
		return func(t *testing.T) *conformant {
			return s.message(t, func(c *conformant) {
				c.stamps(stamp(c.bundle["messageSignature"].(map[string]any)["signature"].([]byte)))
				changed(c, change)
			})
		}
	}
	now := func(sig []byte) []byte { return s.stamp(sig, s.now) }
	return map[string]func(*testing.T) *conformant{
		"rekor2-timestamp-with-embedded-cert":    stamped(now, nil),
		"rekor2-timestamp-without-embedded-cert": stamped(func(sig []byte) []byte { return s.stampWith(sig, s.now, false) }, nil),
		"rekor2-timestamp-with-expired-cert-chain": func(t *testing.T) *conformant {
			// In a bubble it is 2000-01-01, the time that the authority's library puts into what it signs.
			past := suite{newForgeAt(t, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))}
			return past.message(t, func(c *conformant) {
				var stamp []byte
				synctest.Test(t, func(*testing.T) {
					stamp = past.stamp(c.bundle["messageSignature"].(map[string]any)["signature"].([]byte), past.now)
				})
				c.stamps(stamp)
			})
		},
		"rekor2-no-timestamp_fail": func(t *testing.T) *conformant {
			return s.message(t, func(c *conformant) { delete(c.material(), "timestampVerificationData") })
		},
		"rekor2-timestamp-payload-mismatch_fail":    stamped(func([]byte) []byte { return s.stamp([]byte("another signature"), s.now) }, nil),
		"rekor2-timestamp-with-incorrect-time_fail": stamped(func(sig []byte) []byte { return s.stamp(sig, s.now.Add(15*time.Minute)) }, nil),
		"rekor2-timestamp-outside-tsa-cert-validity_fail": stamped(func(sig []byte) []byte { return outdated.stamp(sig, s.now) }, func(c *conformant) {
			c.root = outdated.trustedRoot(nil)
		}),
		"rekor2-timestamp-outside-trust-root-tsa-validity_fail":     stamped(now, s.windowOf("timestampAuthorities")),
		"rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail":    stamped(func(sig []byte) []byte { return stranger.stamp(sig, s.now) }, nil),
		"rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail": stamped(func(sig []byte) []byte { return stranger.stampWith(sig, s.now, false) }, nil),
		"rekor2-timestamp-wrong-tsa-validity-borrow_fail": stamped(now, func(c *conformant) {
			c.root = s.trustedRoot(func(r map[string]any) {
				own := r["timestampAuthorities"].([]any)[0].(map[string]any)
				lent := map[string]any{"uri": "https://lender.example", "certChain": map[string]any{"certificates": []any{}}, "validFor": own["validFor"]}
				own["validFor"] = over()
				r["timestampAuthorities"] = append(r["timestampAuthorities"].([]any), lent)
			})
		}),
		"rekor2-multiple-timestamps-one-outside-cert-validity_fail": func(t *testing.T) *conformant {
			return s.message(t, func(c *conformant) {
				sig := c.bundle["messageSignature"].(map[string]any)["signature"].([]byte)
				c.stamps(s.stamp(sig, s.now), stranger.stamp(sig, s.now.Add(15*time.Minute)))
				c.root = s.trustedRoot(func(r map[string]any) {
					r["timestampAuthorities"] = append(r["timestampAuthorities"].([]any), stranger.authority())
				})
			})
		},
	}
}

// roots are what trusted_root.json says: windows, and logs of certificates.
func (s suite) roots() map[string]func(*testing.T) *conformant {
	ending := map[string]any{"start": s.now.Add(-hour).Format(time.RFC3339), "end": s.now.Format(time.RFC3339)}
	ctLog, ctStranger, decoy := &forgedLog{name: "ct.example", key: s.newKey()}, &forgedLog{name: "ct.example", key: s.newKey()}, s.second()
	ct := func(told []byte, ids, keys *forgedLog, change func(root map[string]any)) func(*testing.T) *conformant {
		return func(t *testing.T) *conformant {
			p := s.signed("")
			p.leaf = s.witnessedLeaf(p.key, ids, told)
			return changed(s.messageBy(t, p), func(c *conformant) {
				c.root = s.trustedRoot(func(r map[string]any) {
					log := s.described(keys)
					log["logId"] = map[string]any{"keyId": ids.id(t)}
					r["ctlogs"] = []any{log}
					if change != nil {
						change(r)
					}
				})
			})
		}
	}
	return map[string]func(*testing.T) *conformant{
		"trust-root-tlog-validity-end-inclusive": func(t *testing.T) *conformant {
			return s.old(t, "0.2", func(c *conformant) {
				c.root = s.trustedRoot(func(r map[string]any) { firstOf(r, "tlogs")["publicKey"].(map[string]any)["validFor"] = ending })
			})
		},
		"trust-root-tsa-validity-end-inclusive": func(t *testing.T) *conformant {
			return s.message(t, func(c *conformant) {
				c.root = s.trustedRoot(func(r map[string]any) { firstOf(r, "timestampAuthorities")["validFor"] = ending })
			})
		},
		"trust-root-tlog-missing-validity-start_fail": func(t *testing.T) *conformant {
			return s.old(t, "0.2", func(c *conformant) {
				c.root = s.trustedRoot(func(r map[string]any) {
					firstOf(r, "tlogs")["publicKey"].(map[string]any)["validFor"] = map[string]any{}
				})
			})
		},
		"bundle-with-sct-with-extensions": ct([]byte("an extension"), ctLog, ctLog, nil),
		"sct-duplicate-intermediate-name": ct(nil, ctLog, ctLog, func(r map[string]any) {
			var other map[string]any
			s.check(json.Unmarshal(decoy.trustedRoot(nil), &other))
			r["certificateAuthorities"] = append(other["certificateAuthorities"].([]any), r["certificateAuthorities"].([]any)...)
		}),
		"invalid-ct-key_fail": ct(nil, ctLog, ctStranger, nil),
	}
}
