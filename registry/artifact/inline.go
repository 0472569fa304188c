package artifact

import "github.com/opencontainers/go-digest"

// MaxInline is how many bytes of evidence travel in the manifest that names them too, in the descriptor's `data` (OCI image-spec "Descriptors").
// Who reads the manifest has read the evidence then, and asks for one thing less, one round trip earlier. The blob is stored all the same, for
// those who do not look at `data`. A list of 400 packages fits. In base64 it is 128 KiB, of the 4 MiB that registries take in a manifest, and
// 1,000 such manifests are within a Budget.
const MaxInline = 96 << 10

// Inline is the content that a descriptor carries in its `data`, and whether it carries it. Data that is not what the digest and the size
// name is none: the blob decides then.
//
// > The decoded data MUST be identical to the referenced content and SHOULD be verified against the `digest` and `size` fields by content
// > consumers. (OCI image-spec "Descriptors")
func Inline(d Descriptor, limit int64) ([]byte, bool) {
	size := int64(len(d.Data))
	if size == 0 || size != d.Size || size > limit || CheckDigest(d.Digest) != nil || digest.FromBytes(d.Data) != d.Digest {
		return nil, false
	}
	return d.Data, true
}

// inlined puts small content into its descriptor.
func inlined(d Descriptor, content []byte) Descriptor {
	if len(content) <= MaxInline {
		d.Data = content
	}
	return d
}
