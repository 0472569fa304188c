package inputs_test

import (
	"testing"

	digest "github.com/opencontainers/go-digest"
	packageurl "github.com/package-url/packageurl-go"

	"github.com/selfsame-build/selfsame/inputs"
)

func TestPackageURL(t *testing.T) {
	d := digest.FromString("x")
	const hash = "/packages/12/ab/0123456789012345678901234567890123456789012345678901234567ab/"
	for in, want := range map[string]string{
		"http://m.example/debian/pool/main/c/curl/curl_7.88.1-10+deb12u5_amd64.deb":                 "pkg:deb/debian/curl@7.88.1-10%2Bdeb12u5?arch=amd64",
		"http://m.example/ubuntu/pool/main/b/bash/bash_5.2-1_arm64.deb":                             "pkg:deb/ubuntu/bash@5.2-1?arch=arm64",
		"http://m.example/x/libc6_1%3a2.36-9_amd64.deb":                                             "pkg:deb/debian/libc6@1:2.36-9?arch=amd64",
		"https://m.example/left-pad/-/left-pad-1.3.0.tgz":                                           "pkg:npm/left-pad@1.3.0",
		"https://m.example/@babel%2fcore/-/core-7.1.0-rc.1.tgz":                                     "pkg:npm/%40babel/core@7.1.0-rc.1",
		"https://m.example/npm/@babel/core/-/core-7.1.0.tgz":                                        "pkg:npm/%40babel/core@7.1.0",
		"https://m.example/github.com/!burnt!sushi/toml/@v/v1.2.3.zip":                              "pkg:golang/github.com/BurntSushi/toml@v1.2.3",
		"https://m.example/golang.org/x/net/@v/v0.1.0.mod":                                          "pkg:golang/golang.org/x/net@v0.1.0?file_name=v0.1.0.mod",
		"https://m.example/goproxy/rsc.io/quote/v3/@v/v3.1.0.info":                                  "pkg:golang/rsc.io/quote/v3@v3.1.0?file_name=v3.1.0.info",
		"https://m.example" + hash + "requests-2.31.0-py3-none-any.whl":                             "pkg:pypi/requests@2.31.0?file_name=requests-2.31.0-py3-none-any.whl",
		"https://m.example" + hash + "typing_extensions-4.9.0.tar.gz":                               "pkg:pypi/typing-extensions@4.9.0?file_name=typing_extensions-4.9.0.tar.gz",
		"https://m.example/wheels/PyYAML-6.0.1-cp311-cp311-manylinux_2_17_x86_64.whl":               "pkg:pypi/pyyaml@6.0.1?file_name=PyYAML-6.0.1-cp311-cp311-manylinux_2_17_x86_64.whl",
		"https://m.example/api/v1/crates/serde/1.0.195/download":                                    "pkg:cargo/serde@1.0.195",
		"https://m.example/crates/serde_json/serde_json-1.0.1.crate":                                "pkg:cargo/serde_json@1.0.1",
		"https://m.example/alpine/v3.19/main/x86_64/busybox-1.36.1-r15.apk":                         "pkg:apk/alpine/busybox@1.36.1-r15?arch=x86_64",
		"https://m.example/pub/fedora/linux/releases/39/p/bash-5.2.21-1.fc39.x86_64.rpm":            "pkg:rpm/fedora/bash@5.2.21-1.fc39?arch=x86_64",
		"https://m.example/gems/nokogiri-1.16.0-x86_64-linux.gem":                                   "pkg:gem/nokogiri@1.16.0?platform=x86_64-linux",
		"https://m.example/maven2/org/apache/commons/commons-lang3/3.14.0/commons-lang3-3.14.0.jar": "pkg:maven/org.apache.commons/commons-lang3@3.14.0?type=jar",
		"https://m.example/v1.0/tool.tar.gz":                                                        "pkg:generic/tool.tar.gz?checksum=" + d.String() + "&download_url=https:%2F%2Fm.example%2Fv1.0%2Ftool.tar.gz",
		"https://m.example/":                                                                        "pkg:generic/m.example?checksum=" + d.String() + "&download_url=https:%2F%2Fm.example%2F",
	} {
		got := inputs.PackageURL(in, d)
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
		if _, err := packageurl.FromString(got); err != nil {
			t.Errorf("%s: %v", got, err)
		}
	}
}

// FuzzPackageURL: any URL gives nothing or a package URL that its own library reads.
func FuzzPackageURL(f *testing.F) {
	f.Add("https://m.example/@babel%2fcore/-/core-7.1.0.tgz")
	f.Fuzz(func(t *testing.T, raw string) {
		if got := inputs.PackageURL(raw, digest.FromString("x")); got != "" {
			if _, err := packageurl.FromString(got); err != nil {
				t.Fatalf("%q gives %q: %v", raw, got, err)
			}
		}
	})
}
