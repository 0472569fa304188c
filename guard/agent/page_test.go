package agent_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/agent"
	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/wire"
	"github.com/selfsame-build/selfsame/policy"
)

// crowd has n containers run, each with a verdict of about 600 bytes of JSON.
func crowd(i *agent.Inventory, n int) {
	a := &engine.Answer{Class: engine.ClassOK}
	a.Allow, a.Image = true, policy.Image{Name: shop, Digest: good.String(), Platforms: []policy.Platform{{Name: "linux/amd64", Digest: evil.String()}}}
	a.Rules = []policy.Outcome{{Rule: "signed", Status: policy.StatusPass}, {Rule: "reproduced", Status: policy.StatusPass}}
	all := make([]agent.Container, n)
	for k := range all {
		all[k] = agent.Container{ID: fmt.Sprintf("%064d", k), Name: "web", Namespace: fmt.Sprintf("team-%d", k%7), Workload: fmt.Sprintf("Pod/shop-%d", k), Image: shop, Digest: good}
	}
	i.Sync(all)
	for _, c := range all {
		i.Started(c, a)
	}
}

// heap is what is in use after a collection, in bytes.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestManyContainers: a list of 50,000 containers, some 40 MB of JSON, comes whole and in order, and neither side holds more of it than some
// pages. (The order is kept by the agent, some 10 MB, until something starts or ends.)
func TestManyContainers(t *testing.T) {
	const many = 50_000
	n := serve(t, nil)
	crowd(n.Inventory, many)
	if n.Inventory.Len() != many {
		t.Fatalf("%d are known", n.Inventory.Len())
	}
	before, most := heap(), uint64(0)
	seen, last, runs := 0, "", 0
	for r, err := range n.client.Running(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		at := strings.Join([]string{r.Namespace, r.Workload, r.Name, r.ID}, "\x00")
		if at <= last || !r.Verified() {
			t.Fatalf("%q after %q: %+v", at, last, r)
		}
		last = at
		if seen++; seen%12_500 == 0 {
			most = max(most, heap())
		}
		if r.Runs(good) {
			runs++
		}
	}
	if seen != many || runs != many {
		t.Errorf("%d are listed, %d of them run the image", seen, runs)
	}
	if more := int64(most) - int64(before); more > 24<<20 { //nolint:gosec // sizes of memory
		t.Errorf("the list took %d MiB beside the inventory", more>>20)
	}
	var line wire.Response
	var err error
	line, err = wire.Call(t.Context(), n.client.Socket, wire.Request{Op: wire.OpPS, Paged: true})
	if err != nil || len(line.Containers) > 1<<20 || len(line.Containers) < 1<<19 || len(line.Next) == 0 {
		t.Errorf("a page has %d bytes, then %q, %v", len(line.Containers), line.Next, err)
	}
	// A client of before there were pages is told why it gets nothing.
	if _, err := wire.Call(t.Context(), n.client.Socket, wire.Request{Op: wire.OpPS}); err == nil || !strings.Contains(err.Error(), "more than fits into one answer") {
		t.Errorf("without pages: %v", err)
	}
	if s, err := n.client.Status(t.Context()); err != nil || s.Running != many {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestPagesWhileThingsMove: what ends and starts between two pages costs nobody else's place.
func TestPagesWhileThingsMove(t *testing.T) {
	i := agent.NewInventory(&asker{}, nil, func(string) {}, nil)
	var all []agent.Container
	for k := range 10 {
		all = append(all, agent.Container{ID: fmt.Sprint(k), Name: fmt.Sprint(k)})
	}
	i.Sync(all)
	names := func(page []agent.Running) (out string) {
		for _, r := range page {
			out += r.Name
		}
		return out
	}
	page, at := i.Page("", 4)
	if names(page) != "0123" || at == "" {
		t.Fatalf("%q, then %q", names(page), at)
	}
	i.Stopped("3") // where the next page begins
	i.Stopped("5")
	i.Started(agent.Container{ID: "x", Name: "45"}, nil)
	page, at = i.Page(at, 4)
	if names(page) != "44567" || at == "" {
		t.Errorf("%q, then %q", names(page), at)
	}
	if page, at = i.Page(at, 4); names(page) != "89" || at != "" {
		t.Errorf("%q, then %q", names(page), at)
	}
}

// TestOldClients get a list that fits as they always did.
func TestOldClients(t *testing.T) {
	n := serve(t, nil)
	crowd(n.Inventory, 3000) // more than a page
	got, err := wire.Call(t.Context(), n.client.Socket, wire.Request{Op: wire.OpPS})
	var all []struct{ Digest digest.Digest }
	if err != nil || json.Unmarshal(got.Containers, &all) != nil || len(all) != 3000 || all[2999].Digest != good || len(got.Next) > 0 {
		t.Errorf("%d containers, then %q, %v", len(all), got.Next, err)
	}
}
