// Package manifests writes what a cluster needs for the guard, as YAML for kubectl, and the files that an API server reads by itself
// (KEP-5793: nobody can delete those through the API). The same options give the same bytes.
//
// The templates are plain manifests, to be read as such. Every value in them was checked first and is written as a JSON string, which
// YAML takes as it is: no option can add an object, or a field, that the template does not have.
package manifests
