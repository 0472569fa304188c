package verify

import (
	"os"
	"path/filepath"
	"testing"
)

// TestFolderSaysWhatItLeavesOut: nothing that may be evidence is passed over without a word, and what could be anything leaves the verdict open.
func TestFolderSaysWhatItLeavesOut(t *testing.T) {
	for name, x := range map[string]struct {
		file, text string
		want       Verdict
		says       string
	}{
		"a note":          {"README", "no evidence", VerdictVerified, ""},
		"a folder":        {"more/veto.json", "{}", VerdictVerified, "more: no file"},
		"an older bundle": {"old.json", `{"mediaType":"application/vnd.dev.sigstore.bundle+json;version=0.1"}`, VerdictVerified, "old.json: no bundle of the format"},
		"an envelope":     {"old.jsonl", `{"payloadType":"application/vnd.in-toto+json","payload":"","signatures":[]}`, VerdictVerified, "old.jsonl: no bundle of the format"},
		"no JSON":         {"veto.json", `{"mediaType":`, VerdictUndecided, "veto.json is no JSON"},
		"a broken line":   {"veto.jsonl", "\n{\n", VerdictUndecided, "veto.jsonl is no JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCouncil(t)
			c.publish(nil)
			dir := c.folder(false).(*Folder).dir
			path := filepath.Join(dir, x.file)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(x.text), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := OpenFolder(dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			o := c.options()
			o.Source = f
			c.must(o, x.want, x.says)
		})
	}
}
