package agent

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/selfsame-build/selfsame/guard/wire"
)

// place is a container's in the list of what runs.
type place struct{ key, id string }

// key orders containers by namespace, workload, name and id.
func (c Container) key() string {
	return strings.Join([]string{c.Namespace, c.Workload, c.Name, c.ID}, "\x00")
}

// places is the order of all that runs. It is made once for all who ask until something starts or ends, and not while the start gate waits.
func (i *Inventory) places() []place {
	i.sorting.Lock()
	defer i.sorting.Unlock()
	i.mu.Lock()
	order, moves := i.order, i.moves
	if order != nil {
		i.mu.Unlock()
		return order
	}
	order = make([]place, 0, len(i.running))
	for id, r := range i.running {
		order = append(order, place{r.key(), id})
	}
	i.mu.Unlock()
	slices.SortFunc(order, func(a, b place) int { return cmp.Compare(a.key, b.key) })
	i.mu.Lock()
	defer i.mu.Unlock()
	if moves == i.moves {
		i.order = order
	}
	return order
}

// Page is up to max containers of the list that follow a place in it ("": its beginning), and the place of the last one; "": the list is over.
// What starts or ends between two pages may be missing or there.
func (i *Inventory) Page(after string, max int) (page []Running, last string) {
	order := i.places()
	from, found := slices.BinarySearchFunc(order, after, func(p place, key string) int { return cmp.Compare(p.key, key) })
	if found {
		from++
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, p := range order[from:] {
		if len(page) == max {
			return page, last
		}
		if r, still := i.running[p.id]; still {
			page = append(page, r)
		}
		last = p.key
	}
	return page, ""
}

// The bounds of a page: containers that are looked up at a time, and about how many bytes an answer has.
const (
	pageLookup = 256
	pageBytes  = 1 << 20
)

// errLong is for clients that do not know of pages.
var errLong = errors.New("what runs is more than fits into one answer: ask with the selfsame-guard of the agent's version")

// list is the JSON of the list from a place on, and the place to go on from; "": there is no more. Without pages it is the whole list, or an
// error.
func (i *Inventory) list(after string, paged bool) (out json.RawMessage, next string, err error) {
	most := pageBytes
	if !paged {
		most = wire.MaxResponse - 1024 // what else is in the line
	}
	out = append(out, '[')
	for {
		page, last := i.Page(after, pageLookup)
		for n := range page {
			one, err := json.Marshal(page[n])
			if err != nil {
				return nil, "", err
			}
			full := len(out)+len(one) > most
			switch {
			case full && !paged:
				return nil, "", errLong
			case full && len(out) > 1: // one that is longer than a page is one alone
				return append(out, ']'), after, nil
			}
			if len(out) > 1 {
				out = append(out, ',')
			}
			out, after = append(out, one...), page[n].key()
		}
		if last == "" {
			return append(out, ']'), "", nil
		}
		after = last
	}
}
