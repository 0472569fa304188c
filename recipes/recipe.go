// Package recipes reads the recipe: the YAML file that declares one image (DESIGN §5).
//
// Reading is strict, because nothing that can change a byte of the image may come from a typo: unknown keys, wrong types,
// duplicates, aliases, a second document and unquoted numbers where text is meant are all refused, and all errors of a
// file are reported at once, each with its place. A Recipe is a value: nothing changes it after Load.
//
// The structs below are the format. Their `yaml` tag is the key; their `check` tag says what the decoder demands of the value
// (required, unique, emptyok, keys=FORMAT, or the name of a format in internal/format); their comments become the schema.
package recipes

//go:generate go run ./internal/genschema recipe.schema.json

import (
	"github.com/selfsame-build/selfsame/internal/diag"
)

// FileName is the recipe's name in its folder.
const FileName = "recipe.yaml"

// Recipe declares one image. Field docs are the source of the JSON Schema and of the reference page.
type Recipe struct {
	// Version is the format of this file; always "v1".
	Version string `yaml:"recipe" check:"required,version"`
	// Name is the image's short name: lower-case letters, digits and dashes.
	Name string `yaml:"name" check:"required,name"`
	// Platforms to build for, as os/arch[/variant]. There is no default: the machine's own would make one recipe mean
	// different images on different machines.
	Platforms []string `yaml:"platforms" check:"required,unique,platform"`
	// Source is where the build context comes from; the recipe's folder when left out.
	Source Source `yaml:"source"`
	// Epoch is the time that the image bears: "source" (the commit's time, the default) or seconds since 1970.
	Epoch Epoch `yaml:"epoch"`
	// Build says how the image is made.
	Build Build `yaml:"build" check:"required"`
	// Output says what the image is called and how its layers are packed.
	Output Output `yaml:"output"`
	// Record limits what `selfsame lock` may reach.
	Record Record `yaml:"record"`

	// Path is the recipe file as the user named it; Dir the folder that relative paths start from. Neither is hashed.
	Path string `yaml:"-"`
	Dir  string `yaml:"-"`
	// At finds the place of a field by its dotted path ("build.stages[0].from"), for later stages to point at: of a text its
	// value, of a mapping or list its key. Fields that the file leaves out are not there; see Where.
	At map[string]diag.Position `yaml:"-"`
	// Lines is the file's text by line, for excerpts.
	Lines []string `yaml:"-"`
}

// Source is a folder beside the recipe, or a git commit. Exactly one of Path and Git is set.
type Source struct {
	// Path is a folder, relative to the recipe.
	Path string `yaml:"path" check:"source path"`
	// Git is a repository URL.
	Git string `yaml:"git" check:"git"`
	// Ref is a branch, tag or commit of the repository; the lock pins it to a commit. The default branch when left out.
	Ref string `yaml:"ref" check:"ref"`
}

// Epoch is either FromSource or a fixed number of seconds since 1970-01-01 UTC.
type Epoch struct {
	FromSource bool
	Seconds    int64
}

// Build is a Dockerfile, or stages spelled out here. Exactly one of Dockerfile and Stages is set.
type Build struct {
	// Dockerfile is an existing file, used unchanged, relative to the source.
	Dockerfile string `yaml:"dockerfile" check:"file"`
	// Target is the Dockerfile stage to build; the last when left out.
	Target string `yaml:"target" check:"target"`
	// Args are build arguments of the Dockerfile.
	Args map[string]string `yaml:"args" check:"keys=variable"`
	// Contexts give names written after FROM or in COPY --from another meaning (Dockerfile only).
	Contexts map[string]Context `yaml:"contexts" check:"keys=context"`
	// Stages spell the build out; the last one is the image.
	Stages []Stage `yaml:"stages"`
	// Config is what the image says of itself when it runs (stages only).
	Config Config `yaml:"config"`
}

// Context is what a name stands for. Exactly one field is set.
type Context struct {
	// Debian is a root filesystem made of locked Debian packages.
	Debian *Debian `yaml:"debian"`
	// Image is an image reference, pinned by the lock.
	Image string `yaml:"image" check:"image"`
	// Path is a folder, relative to the recipe.
	Path string `yaml:"path" check:"path"`
}

// Debian is a root filesystem made only of locked, signed Debian packages.
type Debian struct {
	// Suite is a release's code name; its -updates and -security suites belong to it.
	Suite string `yaml:"suite" check:"required,suite"`
	// Packages beyond the essential set, apt and ca-certificates.
	Packages []string `yaml:"packages" check:"unique,package"`
	// Mirror is what apt inside the image sees; http://debian.invalid/debian when left out.
	Mirror string `yaml:"mirror" check:"mirror"`
}

// Stage is one filesystem being built. Env, Workdir and User hold for all of its steps.
type Stage struct {
	// Name is what later stages call this one; unique in the recipe.
	Name string `yaml:"name" check:"required,stage"`
	// From is what the stage starts from.
	From From `yaml:"from" check:"required"`
	// Env is the environment of the stage's steps.
	Env map[string]string `yaml:"env" check:"keys=variable"`
	// Workdir is the folder that the steps run in and that relative destinations start from; / when left out.
	Workdir string `yaml:"workdir" check:"image path"`
	// User runs the steps; root when left out.
	User string `yaml:"user" check:"user"`
	// Steps are done in order.
	Steps []Step `yaml:"steps"`
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
	// From is an earlier stage or an image reference; the build context when left out.
	From string `yaml:"from" check:"image"`
	// Sources are files and folders, with * and ? as patterns; relative to the build context, or paths in From.
	Sources []string `yaml:"sources" check:"required,unique,copied"`
	// To is where they go; it ends in / when it is a folder that they go into.
	To string `yaml:"to" check:"required,destination"`
	// Mode is an octal string like "0755"; the files' own when left out.
	Mode string `yaml:"mode" check:"mode"`
	// Owner is uid:gid in numbers; 0:0 when left out.
	Owner string `yaml:"owner" check:"owner"`
}

// Config is the part of the OCI image configuration that a recipe may set. What is left out comes from the last stage's base.
type Config struct {
	// Entrypoint is the program and its first arguments; an empty list takes the base's away.
	Entrypoint []string `yaml:"entrypoint" check:"emptyok"`
	// Cmd is the arguments that a user may replace; an empty list takes the base's away.
	Cmd []string `yaml:"cmd" check:"emptyok"`
	// Env is added to the base's environment.
	Env map[string]string `yaml:"env" check:"keys=variable"`
	// Workdir is the folder that the image starts in.
	Workdir string `yaml:"workdir" check:"image path"`
	// User is who the image runs as.
	User string `yaml:"user" check:"user"`
	// Expose lists ports that the image listens on.
	Expose []string `yaml:"expose" check:"unique,port"`
	// Volumes lists folders for data that outlives a container.
	Volumes []string `yaml:"volumes" check:"unique,image path"`
	// Labels describe the image.
	Labels map[string]string `yaml:"labels" check:"keys=label"`
	// StopSignal asks the image to stop; SIGTERM when neither this nor the base says otherwise.
	StopSignal string `yaml:"stopSignal" check:"signal"`
}

// Output is what the image is called and how its layers are packed.
type Output struct {
	// Image is the repository, without tag or digest. `selfsame build --push` needs it, or a reference of its own.
	Image string `yaml:"image" check:"repository"`
	// Compression of the layers: zstd (the default), gzip or none.
	Compression string `yaml:"compression" check:"compression"`
}

// Record limits what `selfsame lock` may reach.
type Record struct {
	// Private lists host[:port] on loopback or private networks that recording may reach; others are refused.
	Private []string `yaml:"private" check:"unique,host"`
}
