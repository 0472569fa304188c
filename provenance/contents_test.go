package provenance

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestContents(t *testing.T) {
	const document = `{"spdxVersion":"SPDX-2.3","packages":[
	 {"SPDXID":"SPDXRef-Image","name":"shop","versionInfo":"sha256:00"},
	 {"SPDXID":"SPDXRef-1","name":"zlib1g","versionInfo":"1.3","licenseConcluded":"NOASSERTION","licenseDeclared":"Zlib","externalRefs":[
	   {"referenceCategory":"SECURITY","referenceType":"cpe23Type","referenceLocator":"cpe:x"},
	   {"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:deb/debian/zlib1g@1.3"}]},
	 {"SPDXID":"SPDXRef-2","name":"gcc","versionInfo":"14","licenseConcluded":"GPL-3.0-only"},
	 {"SPDXID":"SPDXRef-3","name":"libc6","licenseConcluded":"LGPL-2.1-only","licenseDeclared":"Zlib"},
	 {"SPDXID":"SPDXRef-4","name":"unknown","licenseConcluded":"NOASSERTION","licenseDeclared":"NOASSERTION"}],
	"relationships":[
	 {"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-Image"},
	 {"spdxElementId":"SPDXRef-2","relationshipType":"BUILD_DEPENDENCY_OF","relatedSpdxElement":"SPDXRef-Image"},
	 {"spdxElementId":"SPDXRef-3","relationshipType":"BUILD_DEPENDENCY_OF","relatedSpdxElement":"SPDXRef-Image"},
	 {"spdxElementId":"SPDXRef-Image","relationshipType":"CONTAINS","relatedSpdxElement":"SPDXRef-3"}]}`
	got, err := Statement{PredicateType: PredicateSPDX, Predicate: []byte(document)}.Contents()
	if err != nil {
		t.Fatal(err)
	}
	want := []Content{
		{"zlib1g", "1.3", "pkg:deb/debian/zlib1g@1.3", "Zlib"},
		{"libc6", "", "", "LGPL-2.1-only"}, // for building, and in the image as well
		{"unknown", "", "", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("contents (-want +got):\n%s", diff)
	}
}

func TestContentsRefused(t *testing.T) {
	for name, s := range map[string]Statement{
		"another type": {PredicateType: PredicateVSA, Predicate: []byte(`{"spdxVersion":"SPDX-2.3"}`)},
		"no version":   {PredicateType: PredicateSPDX, Predicate: []byte(`{"packages":[]}`)},
		"no list":      {PredicateType: PredicateSPDX, Predicate: []byte(`{"spdxVersion":"SPDX-2.3","packages":{}}`)},
		"a name twice": {PredicateType: PredicateSPDX, Predicate: []byte(`{"spdxVersion":"SPDX-2.3","packages":[{"name":"a","name":"b"}]}`)},
	} {
		if got, err := s.Contents(); err == nil {
			t.Errorf("%s: read %v", name, got)
		}
	}
}
