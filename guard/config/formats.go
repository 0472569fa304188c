package config

import (
	"net"
	"net/url"
	"reflect"
	"strconv"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

// Duration is a time span as Go writes it: 90s, 10m, 12h.
type Duration time.Duration

// MaxDuration bounds every time span of the file: evidence that is kept for longer than a month is not watched.
const MaxDuration = 31 * 24 * time.Hour

var dialect = strictyaml.Dialect{
	Noun: "guard's configuration", Starter: "see docs/reference/guard-config.md for a file to start from", Check: "selfsame-guard check",
	Misspelt: "a misspelt key would leave a gate open without a word",
	Large:    "it has a dozen keys", Deep: "it has a dozen keys",
	Formats: formats, Special: map[reflect.Type]strictyaml.Special{reflect.TypeFor[Duration](): duration},
	Codes: strictyaml.Codes{
		TooLarge: diag.CodeGuardConfig, Encoding: diag.CodeGuardConfig, Syntax: diag.CodeGuardConfig, Documents: diag.CodeGuardConfig,
		TooDeep: diag.CodeGuardConfig, MoreErrors: diag.CodeGuardConfig, Alias: diag.CodeGuardConfig, Tag: diag.CodeGuardConfig,
		KeyType: diag.CodeGuardConfig, DuplicateKey: diag.CodeGuardConfig, UnknownKey: diag.CodeGuardConfig, MissingKey: diag.CodeGuardConfig,
		WrongType: diag.CodeGuardConfig, Unquoted: diag.CodeGuardConfig, EmptyValue: diag.CodeGuardConfig,
		Invisible: diag.CodeGuardConfig, Repeated: diag.CodeGuardConfig,
	},
}

var formats = strictyaml.Compiled(map[string]*strictyaml.Format{
	"version": {Code: diag.CodeGuardConfig, Noun: "a version of this file", Want: "this selfsame-guard reads the format v1", Enum: []string{"v1"}},
	"path":    {Code: diag.CodeGuardConfig, Noun: "a path", Want: "a path is absolute, or relative to this file", Pattern: `^[^\\\x00]+$`, Examples: []string{"trust.yaml"}, Max: 4096},
	"group":   {Code: diag.CodeGuardConfig, Noun: "a group", Want: "a group is a name or a number", Pattern: `^[a-z0-9_][a-z0-9_-]*$`, Examples: []string{"selfsame"}, Max: 32},
	"address": {Code: diag.CodeGuardConfig, Noun: "an address", Want: "an address is HOST:PORT", Pattern: `^\S+:[0-9]{1,5}$`, Examples: []string{"127.0.0.1:9464"}, Max: 256, Check: address},
	"url": {Code: diag.CodeGuardConfig, Noun: "an endpoint", Want: "an endpoint is an http or https URL without user and query", Pattern: `^https?://\S+$`,
		Examples: []string{"http://127.0.0.1:4318"}, Max: 2048, Check: endpoint},
	"host":      {Code: diag.CodeGuardConfig, Noun: "a registry", Want: "a registry is HOST or HOST:PORT", Pattern: `^[a-zA-Z0-9.:\[\]-]+$`, Examples: []string{"registry.example.com"}, Max: 256},
	"mode":      {Code: diag.CodeGuardConfig, Noun: "a mode", Want: "a mode is enforce or audit", Enum: []string{"enforce", "audit"}},
	"namespace": {Code: diag.CodeGuardConfig, Noun: "a namespace", Want: "a namespace is a label of DNS", Pattern: `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`, Examples: []string{"shop"}, Max: 63},
	"verdicts":  {Code: diag.CodeGuardConfig, Noun: "a choice", Want: "verdicts that are handed on are ignored or accepted", Enum: []string{"ignore", "accept"}},
	"index":     {Code: diag.CodeGuardConfig, Noun: "a plugin's index", Want: "an index is two digits, in quotes", Pattern: `^[0-9]{2}$`, Examples: []string{"90"}, Max: 2},
	"volumes":   {Code: diag.CodeGuardConfig, Noun: "a choice", Want: "image volumes without a name are counted or refused", Enum: []string{"count", "refuse"}},
	"reference": {Code: diag.CodeGuardConfig, Noun: "a reference", Want: "a policy is REPOSITORY or REPOSITORY:TAG", Pattern: `^[a-z0-9][a-zA-Z0-9.:_/-]*/[a-zA-Z0-9.:_/-]+$`,
		Examples: []string{"registry.example.com/ops/policy"}, Max: 512},
})

func address(s string) *strictyaml.Problem {
	_, port, err := net.SplitHostPort(s)
	if n, e := strconv.ParseUint(port, 10, 16); err != nil || e != nil || n == 0 {
		return &strictyaml.Problem{Help: "write it like `127.0.0.1:9464`"}
	}
	return nil
}

func endpoint(s string) *strictyaml.Problem {
	if u, err := url.Parse(s); err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return &strictyaml.Problem{Help: "write it like `http://127.0.0.1:4318`"}
	}
	return nil
}

func duration(d *strictyaml.Decoder, f strictyaml.Field, v reflect.Value) {
	if t, err := time.ParseDuration(f.Node.Text); f.Node.Kind == strictyaml.Scalar && err == nil && t >= time.Second && t <= MaxDuration {
		v.SetInt(int64(t))
		return
	}
	d.Report(diag.CodeGuardConfig, d.Where(f), "this is not a time span", "a time span is between a second and 31 days", "write it like `90s`, `10m` or `12h`")
}
