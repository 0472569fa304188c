package admission

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestRenewalThatCannotBeServed: a pair that has ended does not take the place of one that is good.
func TestRenewalThatCannotBeServed(t *testing.T) {
	a, err := NewAuthority(at)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(from time.Time, life time.Duration) {
		t.Helper()
		cert, key, err := a.Issue(from, life, "guard.example.com")
		if err != nil {
			t.Fatal(err)
		}
		for name, data := range map[string][]byte{"tls.crt": cert, "tls.key": key} {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, from, from); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(at, time.Hour)
	c, err := LoadCertificates(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	write(at.Add(-2*time.Hour), time.Hour)
	if err := c.Reload(); err == nil || !c.NotAfter().Equal(at.Add(time.Hour)) {
		t.Errorf("one that has ended: %v; what is served ends at %s", err, c.NotAfter())
	}
	write(at, 2*time.Hour)
	if err := c.Reload(); err != nil || !c.NotAfter().Equal(at.Add(2*time.Hour)) {
		t.Errorf("one that is good: %v; what is served ends at %s", err, c.NotAfter())
	}
}
