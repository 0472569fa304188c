package daemon

import "testing"

// TestOriginKnowsTheWorld: what a step made under one layout of addresses must not be found in the cache under another.
func TestOriginKnowsTheWorld(t *testing.T) {
	was, err := origin(run{Spec: Spec{World: World{ClockOffset: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	now, err := origin(run{Spec: Spec{World: World{ClockOffset: 1, FixedAddresses: true}}})
	if err != nil || now == was {
		t.Errorf("two worlds have one origin %s, %v", now, err)
	}
}
