package sbom

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
	"github.com/selfsame-build/selfsame/internal/strictjson"
)

var dpkgFields = map[string]bool{"package": true, "version": true, "architecture": true, "status": true, "source": true}

// readDpkgStatus reads dpkg's database (deb-status): the packages whose state is "installed", as `dpkg-query -W` counts them
// with ${db:Status-Status}. Removed packages of which configuration files are left stay in the file and are not in the image.
func readDpkgStatus(data []byte) ([]Package, error) {
	return readDpkg(data, func(status string) bool {
		words := strings.Fields(status) // want, error flag, state
		return len(words) == 3 && words[2] == "installed"
	})
}

// readDpkgFragment reads a file of status.d, where there is no state.
func readDpkgFragment(data []byte) ([]Package, error) {
	return readDpkg(data, func(status string) bool { return status == "" || strings.HasSuffix(status, " installed") })
}

func readDpkg(data []byte, installed func(status string) bool) ([]Package, error) {
	var out []Package
	stanzas(data, dpkgFields, func(f map[string]string) {
		if f["package"] == "" || !installed(f["status"]) {
			return
		}
		upstream, _, _ := strings.Cut(f["source"], " ") // "glibc (2.36-9)"
		if upstream == f["package"] {
			upstream = ""
		}
		out = append(out, Package{Type: "deb", Name: f["package"], Version: f["version"], Arch: f["architecture"], Upstream: upstream})
	})
	return out, nil
}

// readApk reads apk's database of installed packages: lines "P:name", "V:version", "A:arch", "L:licence", "o:origin".
func readApk(data []byte) ([]Package, error) {
	var out []Package
	var p Package
	flush := func() {
		if p.Name != "" {
			p.Type = "apk"
			out = append(out, p)
		}
		p = Package{}
	}
	for len(data) > 0 {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte("\n"))
		key, value, _ := strings.Cut(string(line), ":")
		switch key {
		case "":
			flush()
		case "P": // in apk's database names are case-sensitive: "p:" is what it provides
			p.Name = value
		case "V":
			p.Version = value
		case "A":
			p.Arch = value
		case "L":
			p.License = license(value)
		case "o":
			if value != p.Name {
				p.Upstream = value
			}
		}
	}
	flush()
	return out, nil
}

// readNpm reads an installed package's package.json. Names fold case nowhere and appear once, but unknown fields abound.
func readNpm(data []byte) ([]Package, error) {
	var p struct {
		Name    string          `json:"name"`
		Version string          `json:"version"`
		License json.RawMessage `json:"license"`
	}
	if err := strictjson.Check(data, strictjson.Limits{}); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, err
	}
	if p.Name == "" || p.Version == "" {
		return nil, nil // a folder of a package, such as one that only says "type": "module"
	}
	out := Package{Type: "npm", Name: p.Name, Version: p.Version, License: npmLicense(p.License)}
	if scope, name, ok := strings.Cut(p.Name, "/"); ok && strings.HasPrefix(scope, "@") {
		out.Namespace, out.Name = scope, name
	}
	return []Package{out}, nil
}

// npmLicense is a string today, and was an object with a type.
func npmLicense(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return license(s)
	}
	var o struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(raw, &o) == nil {
		return license(o.Type)
	}
	return ""
}

var pythonFields = map[string]bool{"name": true, "version": true, "license-expression": true, "license": true}

// pythonDash are the characters that PEP 503 takes for one.
var pythonDash = lazyregexp.New(`[-_.]+`)

// readPython reads the core metadata of an installed distribution: the first stanza; the description follows it.
func readPython(data []byte) ([]Package, error) {
	var out []Package
	stanzas(data, pythonFields, func(f map[string]string) {
		if out != nil || f["name"] == "" {
			return
		}
		l := license(f["license-expression"])
		if l == "" {
			l = license(f["license"])
		}
		name := strings.ToLower(pythonDash.ReplaceAllString(f["name"], "-"))
		out = []Package{{Type: "pypi", Name: name, Version: f["version"], License: l}}
	})
	if out == nil {
		return nil, errors.New("no name")
	}
	return out, nil
}

// release is what os-release(5) says of the distribution.
type release struct{ id, version string }

// readRelease reads ID and VERSION_ID.
func readRelease(data []byte) release {
	var r release
	for _, line := range strings.Split(string(data), "\n") {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, `"'`)
		if !(Package{Name: value}).valid() {
			continue
		}
		switch key {
		case "ID":
			r.id = value
		case "VERSION_ID":
			r.version = value
		}
	}
	return r
}
