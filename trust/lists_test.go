package trust_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/trust"
)

const signersOfLists = "signers:\n  release: {keys: [a.pub], roles: [release]}\n  ops: {keys: [b.pub], roles: [revoker]}\n  clerk: {keys: [c.pub], roles: [indexer]}\n"

func TestLists(t *testing.T) {
	r, err := parse(t, "trust: v1\n"+signersOfLists+"denylist: {list: registry.example.com/ops/denylist, minimum: 12, maxAge: 7d}\nindex: {in: registry.example.com/team/index, minimum: 3}\n")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&trust.DenyList{List: "registry.example.com/ops/denylist", Minimum: 12, MaxAge: 7 * 24 * time.Hour}, r.DenyList); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(&trust.Index{In: "registry.example.com/team/index", Minimum: 3}, r.Index); diff != "" {
		t.Error(diff)
	}
	if r, err = parse(t, "trust: v1\n"+signersOfLists); err != nil || r.DenyList != nil || r.Index != nil {
		t.Errorf("%+v, %+v, %v", r.DenyList, r.Index, err)
	}
	r, err = parse(t, "trust: v1\nsigners:\n  release: {keys: [a.pub], roles: [release]}\n  rules: {keys: [b.pub], roles: [policy]}\npolicy: {at: registry.example.com/ops/policy, minimum: 3, maxAge: 30d}\n")
	if diff := cmp.Diff(&trust.PolicyPlace{At: "registry.example.com/ops/policy", Minimum: 3, MaxAge: 30 * 24 * time.Hour}, r.Policy); err != nil || diff != "" {
		t.Error(err, diff)
	}
	// A list in a file is found beside the trust file.
	if r, err = parse(t, "trust: v1\n"+signersOfLists+"denylist: {list: a.pub}\n"); err != nil || !filepath.IsAbs(r.DenyList.List) {
		t.Errorf("%+v, %v", r.DenyList, err)
	}
}

func TestListsRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nobody revokes":           {"signers: {a: {keys: [a.pub], roles: [release]}}\ndenylist: {list: x/y}\n", "nobody has the role revoker"},
		"nobody indexes":           {"signers: {a: {keys: [a.pub], roles: [release]}}\nindex: {}\n", "nobody has the role indexer"},
		"nobody makes rules":       {"signers: {a: {keys: [a.pub], roles: [release]}}\npolicy: {at: x/y}\n", "nobody has the role policy"},
		"one key makes rules, too": {"signers: {a: {keys: [a.pub], roles: [release, policy]}}\npolicy: {at: x/y}\n", "both the role release and the role policy"},
		"no list":                  {signersOfLists + "denylist: {minimum: 1}\n", "`list`"},
		"an age of minutes":        {signersOfLists + "denylist: {list: x/y, maxAge: 5m}\n", "this is not an age"},
		"an age of nothing":        {signersOfLists + "denylist: {list: x/y, maxAge: 0d}\n", "this is not an age"},
		"less than nothing":        {signersOfLists + "denylist: {list: x/y, minimum: -1}\n", "minimum"},
		"keys of its own":          {signersOfLists + "index: {keys: [a.pub]}\n", "no keys of its own"},
		"one key releases, too":    {"signers: {a: {keys: [a.pub], roles: [release, revoker]}}\ndenylist: {list: x/y}\n", "both the role release and the role revoker"},
		"an unknown key":           {signersOfLists + "denylist: {list: x/y, max: 1}\n", "`max`"},
	} {
		if _, err := parse(t, "trust: v1\n"+c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestOwnersIndex: an owner says what it has said in a place of its own, with a key of its own.
func TestOwnersIndex(t *testing.T) {
	parse := func(index string) (trust.Roster, error) {
		return trust.ParseRoster(filepath.Join(folder(t, "a", "b"), "roster.yaml"), []byte("roster: v1\nowners:\n  qa:\n    keys: [a.pub]\n"+index), key)
	}
	r, err := parse("    index: {in: registry.example.com/qa/index, keys: [b.pub], minimum: 2}\n")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&trust.Index{In: "registry.example.com/qa/index", Minimum: 2, Keys: []trust.Key{{Hint: "b"}}}, r.Owners[0].Index); diff != "" {
		t.Error(diff)
	}
	if r, err = parse(""); err != nil || r.Owners[0].Index != nil {
		t.Errorf("%+v, %v", r.Owners[0].Index, err)
	}
	for _, bad := range []string{"    index: {in: registry.example.com/qa/index}\n", "    index: {keys: [b.pub]}\n", "    index: {}\n"} {
		if _, err := parse(bad); err == nil || !strings.Contains(err.Error(), "needs `in` and `keys`") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
