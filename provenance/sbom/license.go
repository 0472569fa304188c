package sbom

import (
	"strings"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// licenseIDs are the identifiers of the SPDX list that packages mostly bear. An identifier that is not in the SPDX list makes
// a document invalid, so what is not known here is left out: no assertion is better than a wrong one.
var licenseIDs = func() map[string]bool {
	m := map[string]bool{}
	for _, id := range strings.Fields(`0BSD AFL-2.1 AFL-3.0 AGPL-3.0 AGPL-3.0-only AGPL-3.0-or-later Apache-1.1 Apache-2.0
Artistic-1.0 Artistic-2.0 BlueOak-1.0.0 BSD-1-Clause BSD-2-Clause BSD-3-Clause BSD-4-Clause BSL-1.0 bzip2-1.0.6 CC-BY-3.0
CC-BY-4.0 CC-BY-SA-4.0 CC0-1.0 CDDL-1.0 EPL-1.0 EPL-2.0 FTL GFDL-1.3-or-later GPL-1.0-or-later GPL-2.0 GPL-2.0-only
GPL-2.0-or-later GPL-3.0 GPL-3.0-only GPL-3.0-or-later HPND ICU ISC LGPL-2.0-only LGPL-2.0-or-later LGPL-2.1 LGPL-2.1-only
LGPL-2.1-or-later LGPL-3.0 LGPL-3.0-only LGPL-3.0-or-later Libpng MIT MIT-0 MPL-1.1 MPL-2.0 MS-PL NCSA OFL-1.1 OpenSSL PHP-3.01
PostgreSQL PSF-2.0 Python-2.0 Ruby SSPL-1.0 Unicode-3.0 Unicode-DFS-2016 Unlicense UPL-1.0 Vim W3C WTFPL X11 Zlib ZPL-2.1`) {
		m[id] = true
	}
	return m
}()

var licenseToken = lazyregexp.New(`\(|\)|[^()\s]+`)

// license gives s back when it is an SPDX expression of known identifiers joined by AND and OR, with parentheses; else "".
func license(s string) string {
	if len(s) > 200 {
		return ""
	}
	tokens := licenseToken.FindAllString(s, -1)
	rest, ok := expression(tokens)
	if !ok || len(rest) > 0 {
		return ""
	}
	out := strings.Join(tokens, " ")
	return strings.NewReplacer("( ", "(", " )", ")").Replace(out)
}

// expression reads "term {AND|OR term}" and gives what is left. The length of s bounds the recursion.
func expression(tokens []string) (rest []string, ok bool) {
	for {
		if tokens, ok = term(tokens); !ok {
			return nil, false
		}
		if len(tokens) == 0 || tokens[0] != "AND" && tokens[0] != "OR" {
			return tokens, true
		}
		tokens = tokens[1:]
	}
}

func term(tokens []string) ([]string, bool) {
	switch {
	case len(tokens) == 0:
		return nil, false
	case tokens[0] == "(":
		rest, ok := expression(tokens[1:])
		if !ok || len(rest) == 0 || rest[0] != ")" {
			return nil, false
		}
		return rest[1:], true
	default:
		return tokens[1:], licenseIDs[tokens[0]]
	}
}
