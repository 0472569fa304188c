package provenance

import (
	slsa1 "github.com/in-toto/in-toto-golang/in_toto/slsa_provenance/v1"
)

// in-toto-golang marks these deprecated in favour of generated protobuf types, whose JSON is deliberately unstable
// (protojson inserts random spaces). We sign bytes that must be the same for the same build, so we keep the plain structs,
// and name them here only.

// Predicate is the SLSA provenance v1 predicate.
type Predicate = slsa1.ProvenancePredicate //nolint:staticcheck // see above

// ResourceDescriptor is in-toto's description of one artifact: name, URI, digests, content, annotations.
type ResourceDescriptor = slsa1.ResourceDescriptor //nolint:staticcheck // see above

type (
	buildDefinition = slsa1.ProvenanceBuildDefinition //nolint:staticcheck // see above
	runDetails      = slsa1.ProvenanceRunDetails      //nolint:staticcheck // see above
	slsaBuilder     = slsa1.Builder                   //nolint:staticcheck // see above
	buildMetadata   = slsa1.BuildMetadata             //nolint:staticcheck // see above
)
