// Package intoto reads and writes in-toto layouts and links, and decides whether the links of an image are what a layout demands.
//
// A layout is written and signed by the owner of a pipeline: which steps there are, whose signature counts for each, how many of them it
// takes, and by rules which artifacts a step may take from which other one. A link is what a functionary signs of one step: what went in
// (materials) and what came out (products), by digest. Reading and verifying keep the order of in-toto's own verification
// (in-toto-golang v0.11, InTotoVerify), whose steps the code quotes, and add what in-toto leaves to others: that the links are about the
// image in question.
//
// Nothing of a layout is ever run. Inspections, which would run a command on the verifier's machine, are refused by name, and so are
// sublayouts and constraints of certificates: a functionary is a key, or an identity by issuer and subject. The package is pure: layout, links, image and the time of day in, findings out.
//
// Layouts keep in-toto's own format. Links are in-toto statements (predicate type link v0.3), so that they travel beside an image like
// all other evidence.
package intoto

// The steps of selfsame's own pipeline, in their order. A layout may have others after them.
const (
	StepSource  = "source"  // somebody vouches for recipe, Dockerfile and context
	StepLock    = "lock"    // these are the inputs of that source
	StepBuildA  = "build-a" // builder A made this of source and lock
	StepBuildB  = "build-b" // builder B made this of them
	StepCompare = "compare" // both are the same, and this is the image
	StepSign    = "sign"    // these statements were signed about it
)

// The artifacts of these steps. Names are the same for every recipe, whatever its files are called.
const (
	ArtifactRecipe     = "recipe.yaml"
	ArtifactDockerfile = "Dockerfile"
	ArtifactIgnore     = ".dockerignore"
	ArtifactLock       = "selfsame.lock"
	// ArtifactContext is the normalised build context, by the manifest digest of its one-layer image; "context/NAME" are the folders that
	// the recipe names beside it.
	ArtifactContext = "context"
	// ArtifactImage is the image index (of a single image its manifest); "image/PLATFORM" are the manifests that it lists. A link that
	// names one of them names all.
	ArtifactImage = "image"
)

// Bounds of what is read. A layout of ours has 6 steps of at most 7 rules; in-toto's own tests have fewer.
const (
	// MaxLayoutBytes bounds a layout, MaxLinkBytes a link's statement.
	MaxLayoutBytes = 1 << 20
	MaxLinkBytes   = 4 << 20
	maxDepth       = 32
	maxValues      = 250_000
	maxSteps       = 64
	maxKeys        = 256
	maxRules       = 64     // of one step, materials and products each
	maxArtifacts   = 10_000 // of one link, materials and products each
	maxPath        = 1024   // bytes of a path or pattern
)
