// Package recipes reads the recipe: the YAML file that declares one image (DESIGN §5).
//
// Reading is strict, because nothing that can change a byte of the image may come from a typo: unknown keys, wrong types,
// duplicates, aliases, a second document and unquoted numbers where text is meant are all refused, and all errors of a
// file are reported at once, each with its place. A Recipe is a value: nothing changes it after Load.
package recipes

import (
	"github.com/selfsame-build/selfsame/internal/diag"
)

// Recipe declares one image. Field docs are the source of the JSON Schema and of the reference page.
type Recipe struct {
	// Version is the format of this file; always "v1".
	Version string `yaml:"recipe"`
	// Name is the image's short name: lower-case letters, digits and dashes.
	Name string `yaml:"name"`
	// Platforms to build for, as os/arch[/variant]; the machine's own when left out is not allowed: it must be said.
	Platforms []string `yaml:"platforms"`
	// Source is where the build context comes from.
	Source Source `yaml:"source"`
	// Epoch is the time that the image bears: "source" (the commit's time) or seconds since 1970.
	Epoch Epoch `yaml:"epoch"`
	// Build says how the image is made.
	Build Build `yaml:"build"`
	// Output says what the image is called and how its layers are packed.
	Output Output `yaml:"output"`
	// Record limits what `selfsame lock` may reach.
	Record Record `yaml:"record"`

	// Path is the recipe file as the user named it; Dir the folder that relative paths start from. Neither is hashed.
	Path string `yaml:"-"`
	Dir  string `yaml:"-"`
	// At finds the place of a field by its dotted path ("build.stages[0].from"), for later stages to point at.
	At map[string]diag.Position `yaml:"-"`
	// Lines is the file's text by line, for excerpts.
	Lines []string `yaml:"-"`
}

// Source is a folder beside the recipe, or a git commit. Exactly one of Path and Git is set.
type Source struct {
	// Path is a folder, relative to the recipe.
	Path string `yaml:"path"`
	// Git is a repository URL.
	Git string `yaml:"git"`
	// Ref is a branch, tag or commit of Git; the lock pins it to a commit.
	Ref string `yaml:"ref"`
}

// Epoch is either FromSource or a fixed number of seconds since 1970-01-01 UTC.
type Epoch struct {
	FromSource bool
	Seconds    int64
}

// Build is a Dockerfile, or stages spelled out here. Exactly one of Dockerfile and Stages is set.
type Build struct {
	// Dockerfile is an existing file, used unchanged, relative to the source.
	Dockerfile string `yaml:"dockerfile"`
	// Target is the Dockerfile stage to build; the last when left out.
	Target string `yaml:"target"`
	// Args are build arguments.
	Args map[string]string `yaml:"args"`
	// Contexts give names written after FROM or in COPY --from another meaning.
	Contexts map[string]Context `yaml:"contexts"`
	// Stages spell the build out; the last one is the image.
	Stages []Stage `yaml:"stages"`
	// Config is what the image says of itself when it runs (stages only).
	Config Config `yaml:"config"`
}

// Context is what a name stands for. Exactly one field is set.
type Context struct {
	Debian *Debian `yaml:"debian"`
	// Image is an image reference, pinned by the lock.
	Image string `yaml:"image"`
	// Path is a folder, relative to the recipe.
	Path string `yaml:"path"`
}

// Debian is a root filesystem made only of locked, signed Debian packages.
type Debian struct {
	// Suite is a release's code name; its -updates and -security suites belong to it.
	Suite string `yaml:"suite"`
	// Packages beyond the essential set, apt and ca-certificates.
	Packages []string `yaml:"packages"`
	// Mirror is what apt inside the image sees; http://debian.invalid/debian when left out.
	Mirror string `yaml:"mirror"`
}

// Stage is one filesystem being built. Env, Workdir and User hold for all of its steps.
type Stage struct {
	Name    string            `yaml:"name"`
	From    From              `yaml:"from"`
	Env     map[string]string `yaml:"env"`
	Workdir string            `yaml:"workdir"`
	User    string            `yaml:"user"`
	Steps   []Step            `yaml:"steps"`
}

// From is what a stage starts from: "scratch", an earlier stage, an image reference, or Debian packages.
type From struct {
	Debian *Debian
	// Name is "scratch", a stage's name, or an image reference; empty when Debian is set.
	Name string
}

// Step is one thing that a stage does. Exactly one of Run and Copy is set.
type Step struct {
	// Run is a shell script, run by /bin/sh -e.
	Run string `yaml:"run"`
	// Copy brings files in.
	Copy *Copy `yaml:"copy"`
}

// Copy brings Sources of a stage, an image or the build context (From empty) to To.
type Copy struct {
	From    string   `yaml:"from"`
	Sources []string `yaml:"sources"`
	To      string   `yaml:"to"`
	// Mode is an octal string like "0755"; the files' own when left out.
	Mode string `yaml:"mode"`
	// Owner is uid:gid in numbers; 0:0 when left out.
	Owner string `yaml:"owner"`
}

// Config is the part of the OCI image configuration that a recipe may set.
type Config struct {
	Entrypoint []string          `yaml:"entrypoint"`
	Cmd        []string          `yaml:"cmd"`
	Env        map[string]string `yaml:"env"`
	Workdir    string            `yaml:"workdir"`
	User       string            `yaml:"user"`
	Expose     []string          `yaml:"expose"`
	Volumes    []string          `yaml:"volumes"`
	Labels     map[string]string `yaml:"labels"`
	StopSignal string            `yaml:"stopSignal"`
}

// Output is what the image is called and how its layers are packed.
type Output struct {
	// Image is the repository, without tag or digest.
	Image string `yaml:"image"`
	// Compression of the layers: zstd (the default), gzip or none.
	Compression string `yaml:"compression"`
}

// Record limits what `selfsame lock` may reach.
type Record struct {
	// Private lists host[:port] on loopback or private networks that recording may reach; others are refused.
	Private []string `yaml:"private"`
}
