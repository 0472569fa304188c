package faults

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// rebundle changes every bundle's envelope and mends all digests that lead to it, as somebody with write access would.
func rebundle(t *testing.T, layout string, change func(envelope map[string]any)) {
	t.Helper()
	for _, path := range bundles(t, layout) {
		var b map[string]any
		if err := json.Unmarshal([]byte(read(t, path)), &b); err != nil {
			t.Fatal(err)
		}
		change(b["dsseEnvelope"].(map[string]any))
		data, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		rename(t, layout, filepath.Base(path), string(data))
	}
}

// uncarry takes what manifests carry of their bundles out of them (`data`), as they come from tools that put nothing there.
func uncarry(t *testing.T, layout string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(layout, "blobs/sha256/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		var m map[string]any
		if st, err := os.Stat(p); err != nil || st.Size() > 1<<20 || json.Unmarshal([]byte(read(t, p)), &m) != nil || m["subject"] == nil {
			continue
		}
		delete(m["layers"].([]any)[0].(map[string]any), "data")
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		rename(t, layout, filepath.Base(p), string(data))
	}
}

// rename gives a blob other content under its right digest, and does the same to whatever names it.
func rename(t *testing.T, layout, old, content string) {
	t.Helper()
	before := read(t, filepath.Join(layout, "blobs/sha256", old))
	now := digest.FromString(content).Encoded()
	put(t, filepath.Join(layout, "blobs/sha256", now), content)
	if err := os.Remove(filepath.Join(layout, "blobs/sha256", old)); err != nil {
		t.Fatal(err)
	}
	mend := func(text string) string {
		text = strings.ReplaceAll(text, old, now)
		return resize(text, now, len(before), len(content))
	}
	index := filepath.Join(layout, "index.json")
	put(t, index, mend(read(t, index)))
	all, _ := filepath.Glob(filepath.Join(layout, "blobs/sha256/*"))
	for _, p := range all {
		if st, err := os.Stat(p); err != nil || st.Size() > 1<<20 {
			continue
		}
		if text := read(t, p); strings.Contains(text, old) {
			rename(t, layout, filepath.Base(p), mend(text))
		}
	}
}

// resize corrects the size beside a digest, in JSON as it comes (the digest before or after its size).
func resize(text, hex string, from, to int) string {
	var v any
	if from == to || !strings.Contains(text, hex) || json.Unmarshal([]byte(text), &v) != nil {
		return text
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			if v["digest"] == "sha256:"+hex {
				v["size"] = to
			}
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(v)
	data, err := json.Marshal(v)
	if err != nil {
		return text
	}
	return string(data)
}

// unlist takes every referrer out of a layout's index.
func unlist(t *testing.T, layout string) {
	t.Helper()
	path := filepath.Join(layout, "index.json")
	var index map[string]any
	if err := json.Unmarshal([]byte(read(t, path)), &index); err != nil {
		t.Fatal(err)
	}
	var keep []any
	for _, m := range index["manifests"].([]any) {
		blob := strings.Replace(m.(map[string]any)["digest"].(string), ":", "/", 1)
		if !strings.Contains(read(t, filepath.Join(layout, "blobs", blob)), `"subject"`) {
			keep = append(keep, m)
		}
	}
	index["manifests"] = keep
	data, err := json.Marshal(index)
	if err != nil {
		t.Fatal(err)
	}
	put(t, path, string(data))
}
