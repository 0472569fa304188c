// Package pkcs11uri reads the names of keys on PKCS #11 tokens (RFC 7512): pkcs11:token=release;object=signing?module-path=/usr/lib/x.so
//
// It is stricter than the RFC where a mistake could pick another key, or show a PIN: every attribute must be known and be there once, and
// pin-value is refused, since a URI is an argument of programs, which everybody on the machine can read.
package pkcs11uri

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// Scheme is how a URI begins.
const Scheme = "pkcs11:"

// maxURI bounds a URI in bytes.
const maxURI = 4096

// URI names one key. What is empty matches anything.
type URI struct {
	// Token, Manufacturer, Serial and Model are the token's own words, without the blanks that fill them up.
	Token, Manufacturer, Serial, Model string
	// Slot is the number of the token's slot.
	Slot *uint
	// Object is the key's label, ID its CKA_ID.
	Object string
	ID     []byte
	// PINFile is the file that holds the PIN (pin-source), Module the library that speaks to the token (module-path). Both are absolute paths.
	PINFile, Module string
}

// Parse reads a URI with its scheme. It fails for anything but what the fields of URI can hold, and when neither object nor id is there.
func Parse(text string) (URI, error) {
	u, err := parse(text)
	if err != nil {
		return URI{}, fmt.Errorf("reading a PKCS #11 URI: %w", err)
	}
	return u, nil
}

func parse(text string) (URI, error) {
	var u URI
	if len(text) > maxURI {
		return u, fmt.Errorf("%d bytes, the limit is %d", len(text), maxURI)
	}
	rest, ok := strings.CutPrefix(text, Scheme)
	if !ok {
		return u, fmt.Errorf("it does not begin with %q", Scheme)
	}
	// RFC 7512, 2.3: pk11-URI = "pkcs11:" pk11-path [ "?" pk11-query ]
	path, query, _ := strings.Cut(rest, "?")
	seen := map[string]bool{}
	if err := attributes(path, ";", ":[]@!$'()*+,=&", seen, u.path); err != nil {
		return u, err
	}
	if err := attributes(query, "&", ":[]@!$'()*+,=/?|", seen, u.query); err != nil {
		return u, err
	}
	if u.Object == "" && len(u.ID) == 0 {
		return u, fmt.Errorf("it names no key: add object=LABEL or id=%%XX")
	}
	return u, nil
}

// attributes hands each NAME=VALUE of list to take, decoded.
func attributes(list, separator, allowed string, seen map[string]bool, take func(name, value string) error) error {
	if list == "" {
		return nil
	}
	for part := range strings.SplitSeq(list, separator) {
		name, raw, ok := strings.Cut(part, "=")
		if !ok || name == "" {
			return fmt.Errorf("%q is not NAME=VALUE", clip(part))
		}
		// "...the same attribute name MUST NOT be present in the URI path more than once"; here in the whole URI.
		if seen[name] {
			return fmt.Errorf("%q is there twice", clip(name))
		}
		seen[name] = true
		value, err := decode(raw, allowed)
		if err != nil {
			return fmt.Errorf("the value of %q: %w", clip(name), err)
		}
		if value == "" {
			return fmt.Errorf("%q is empty", clip(name))
		}
		if err := take(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (u *URI) path(name, value string) error {
	switch name {
	case "token":
		u.Token = value
	case "manufacturer":
		u.Manufacturer = value
	case "serial":
		u.Serial = value
	case "model":
		u.Model = value
	case "object":
		u.Object = value
	case "id":
		u.ID = []byte(value)
	case "slot-id":
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return fmt.Errorf("slot-id %q is not a number", clip(value))
		}
		slot := uint(n)
		u.Slot = &slot
	case "type":
		// Whichever half is named, the other is found beside it.
		if value != "private" && value != "public" {
			return fmt.Errorf("type=%s is not a key pair", clip(value))
		}
	default:
		return fmt.Errorf("the attribute %q is not known here", clip(name))
	}
	return nil
}

func (u *URI) query(name, value string) error {
	switch name {
	case "pin-source":
		// RFC 7512, 2.4: "...the attribute value is a file: URI or an absolute path"; a program ("|...") is not started.
		file := strings.TrimPrefix(strings.TrimPrefix(value, "file://"), "file:")
		if !filepath.IsAbs(file) {
			return fmt.Errorf("pin-source %q is not an absolute path", clip(value))
		}
		u.PINFile = file
	case "module-path":
		if !filepath.IsAbs(value) {
			return fmt.Errorf("module-path %q is not an absolute path", clip(value))
		}
		u.Module = value
	case "pin-value":
		return fmt.Errorf("pin-value would show the PIN to everybody on this machine: use pin-source=file:/PATH, or SELFSAME_KEY_PASSWORD")
	default:
		return fmt.Errorf("the attribute %q is not known here", clip(name))
	}
	return nil
}

// decode undoes percent-encoding. What the RFC does not allow as it is must be encoded.
func decode(raw, allowed string) (string, error) {
	var out []byte
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == '%':
			if i+2 >= len(raw) {
				return "", fmt.Errorf("it ends in the middle of %%XX")
			}
			b, err := hex.DecodeString(raw[i+1 : i+3])
			if err != nil {
				return "", fmt.Errorf("%q is not %%XX", raw[i:i+3])
			}
			out = append(out, b[0])
			i += 2
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~", c) >= 0, strings.IndexByte(allowed, c) >= 0:
			out = append(out, c)
		default:
			return "", fmt.Errorf("the character %q must be written %%%02X", c, c)
		}
	}
	return string(out), nil
}

// clip keeps a stranger's text short enough for one line.
func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "..."
	}
	return s
}
