package admission

import (
	"fmt"
	"testing"
)

// TestReferencesAreRemembered: a text means the same the second time, what is no reference stays none, and their number is bounded.
func TestReferencesAreRemembered(t *testing.T) {
	r := newReferences(2)
	for range 2 {
		for _, text := range []string{shop + ":v1", shop + "@" + good.String(), "shop"} {
			if ref, err := r.read(text); err != nil || ref.Name != map[bool]string{true: "docker.io/library/shop", false: shop}[text == "shop"] {
				t.Errorf("%s: %+v, %v", text, ref, err)
			}
		}
		if ref, err := r.read("Not A Reference"); err == nil {
			t.Errorf("%+v", ref)
		}
	}
	for i := range 10 {
		_, _ = r.read(fmt.Sprint(shop, i))
	}
	if n := r.known.Len(); n != 2 {
		t.Errorf("%d are kept, want 2", n)
	}
}

// TestKnownReferencesCostNothing is why they are.
func TestKnownReferencesCostNothing(t *testing.T) {
	r := newReferences(2)
	text := shop + ":v1@" + good.String()
	if n := testing.AllocsPerRun(100, func() { _, _ = r.read(text) }); n != 0 {
		t.Errorf("%.0f allocations for a reference that is known", n)
	}
}
