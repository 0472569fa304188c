package diag

// The codes of group A04: two builds that do not agree, or that could not be compared.
const (
	CodeNotReproducible    Code = "A0401" // the two builds differ
	CodeEncodingDiffers    Code = "A0402" // same content, other compression
	CodeImageUnreadable    Code = "A0403" // a layout or layer is damaged, hostile or over a limit
	CodeComparisonRefused  Code = "A0404" // the comparison would prove nothing
	CodeBuildTimeInContent Code = "A0405" // the builds agree, yet the image holds the builds' own time
	CodeNoPlatform         Code = "A0406" // neither image has a platform that was asked for
	CodeNoImage            Code = "A0407" // what should be compared is no image
)

var mismatchCodes = []Info{
	{CodeNotReproducible, ExitNotReproducible, "not reproducible", `The image was built twice from the same sealed inputs, in two unlike places, and the two results are not the same.
Nothing was published.

Why it matters: nobody can check an image that its own builder cannot repeat. A difference means that something other than
the recipe, the lock and the source decided some bytes: the clock, the order of files, the machine's name, chance.

What to do: the report names the first layer that differs, the step that made it, the file and the bytes, with both values
side by side. Look at the values first: a date, a host name or a path usually speaks for itself. Both results are kept.

    selfsame explain            (the last report again)
    selfsame diff A B           (compare any two layouts)
`},
	{CodeEncodingDiffers, ExitNotReproducible, "content equal, encoding differs", `Both images have the same config and, layer by layer, the same content (diffIDs). Only the compressed form
of some layers differs, so their manifests and digests differ too.

Why it matters: a digest names the compressed bytes. Two parties with the same content still cannot agree on one digest.

What to do: use one encoder on both sides. selfsame's own builds use the zstd of one pinned module; gzip's output changes
between versions of the Go toolchain, and between tools. Set it in the recipe:

    output:
      compression: zstd
`},
	{CodeImageUnreadable, ExitUndecided, "image cannot be read", `An image layout could not be compared because a blob is missing or damaged, does not have the digest or size
it claims, is not a tar, or is larger than the limits allow. Without a complete reading nothing is claimed either way.

What to do: build again into an empty folder. If the folder came from elsewhere, fetch it again: a digest that does not fit
means that the bytes are not the ones that were named.

    selfsame build --out DIR
`},
	{CodeComparisonRefused, ExitUndecided, "comparison would prove nothing", `The two images were not compared because their agreement would mean nothing: they come from one folder, are
for another platform than asked for, or there were none.

What to do: give two layouts made by two builds. If ` + "`selfsame build`" + ` itself says this, it is a bug; please report it.
`},
	{CodeBuildTimeInContent, ExitNotReproducible, "build time in the image", `Both builds agree, yet the image holds a value from the time in which they ran. Such a value is equal only by
luck: the two builds ran close together, or read a clock that was not moved. A rebuild tomorrow will differ.

What to do: find the program that wrote the value and give it SOURCE_DATE_EPOCH (selfsame sets it in every step), or delete the
file in the same step that made it. A warning that names only a day may be a coincidence; its certainty says so.
`},
	{CodeNoPlatform, ExitUsage, "no image for this platform", `Neither of the two images has the platform that --platform names, or a layout holds no image at all. A platform that only one
of them has is a difference, and is reported as one.

Platforms are written as os/architecture, with the variant where there is one:

    selfsame diff A B --platform linux/amd64 --platform linux/arm/v7
`},
	{CodeNoImage, ExitUsage, "not an image", `What should be compared is none of these: the folder of an OCI layout; a tar of one, or of what "docker save" writes, compressed
with gzip or zstd or not at all; a reference of a registry. A name under which there is a folder or a file is taken as that, any other
as a reference.

    selfsame diff selfsame-out/image registry.example.com/team/shop:1.2.3
    docker save -o shop.tar shop:1.2.3 && selfsame diff shop.tar selfsame-out/image
`},
}
