package sbom

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // RFC 9562 version 5 identifiers are made with it; nothing is secured
	"encoding/json"
	"fmt"
)

// The structs are the part of SPDX 2.3's JSON schema that is written; tests read the result with SPDX's own library.
type document struct {
	Version       string         `json:"spdxVersion"`
	DataLicense   string         `json:"dataLicense"`
	ID            string         `json:"SPDXID"`
	Name          string         `json:"name"`
	Namespace     string         `json:"documentNamespace"`
	Comment       string         `json:"comment,omitempty"`
	Creation      creation       `json:"creationInfo"`
	Packages      []spdxPackage  `json:"packages"`
	Relationships []relationship `json:"relationships"`
}

type creation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	ID               string      `json:"SPDXID"`
	Name             string      `json:"name"`
	Version          string      `json:"versionInfo,omitempty"`
	DownloadLocation string      `json:"downloadLocation"`
	FilesAnalyzed    bool        `json:"filesAnalyzed"`
	Checksums        []checksum  `json:"checksums,omitempty"`
	SourceInfo       string      `json:"sourceInfo,omitempty"`
	LicenseConcluded string      `json:"licenseConcluded"`
	LicenseDeclared  string      `json:"licenseDeclared"`
	Copyright        string      `json:"copyrightText"`
	References       []reference `json:"externalRefs,omitempty"`
	Purpose          string      `json:"primaryPackagePurpose,omitempty"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type reference struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relationship struct {
	From string `json:"spdxElementId"`
	Type string `json:"relationshipType"`
	To   string `json:"relatedSpdxElement"`
}

const (
	documentID  = "SPDXRef-DOCUMENT"
	imageID     = "SPDXRef-Image"
	noAssertion = "NOASSERTION"
)

// encode gives the bytes. The namespace, which must be unique to the contents, is a version 5 UUID (RFC 9562) of them and of
// the image's digest, so that the same contents have the same one.
func (d document) encode(limit int) ([]byte, error) {
	d.Namespace = ""
	unnamed, err := encode(d)
	if err != nil {
		return nil, err
	}
	d.Namespace = "https://selfsame.build/spdx/" + uuid5(unnamed)
	out, err := encode(d)
	if err == nil && len(out) > limit {
		return nil, fmt.Errorf("the list has %d bytes, the limit is %d", len(out), limit)
	}
	return out, err
}

func encode(d document) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(d); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// namespaceURL is RFC 9562's namespace for URLs.
var namespaceURL = []byte{0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}

func uuid5(name []byte) string {
	h := sha1.New() //nolint:gosec // see the import
	h.Write(namespaceURL)
	h.Write(name)
	u := h.Sum(nil)[:16]
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
