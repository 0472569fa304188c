// Command containers-image copies an image as skopeo does, by the library that skopeo, podman and CRI-O share: github.com/containers/image.
// Debian's builds of that library have signatures of sigstore switched off, and refuse every image; upstream's have not.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/containers/image/v5/copy"
	"github.com/containers/image/v5/directory"
	"github.com/containers/image/v5/docker"
	"github.com/containers/image/v5/signature"
	"github.com/containers/image/v5/types"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: containers-image POLICY.JSON REGISTRIES.D REFERENCE FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, "containers-image:", err)
		os.Exit(1)
	}
}

// run copies reference (HOST:PORT/REPOSITORY:TAG, plain HTTP) into a folder, if the policy lets it.
func run(policyFile, registriesDir, reference, folder string) error {
	policy, err := signature.NewPolicyFromFile(policyFile)
	if err != nil {
		return err
	}
	may, err := signature.NewPolicyContext(policy)
	if err != nil {
		return err
	}
	from, err := docker.ParseReference("//" + reference)
	if err != nil {
		return err
	}
	to, err := directory.NewReference(folder)
	if err != nil {
		return err
	}
	_, err = copy.Image(context.Background(), may, to, from, &copy.Options{
		RemoveSignatures: true,
		ReportWriter:     io.Discard,
		SourceCtx:        &types.SystemContext{RegistriesDirPath: registriesDir, DockerInsecureSkipTLSVerify: types.OptionalBoolTrue},
	})
	return err
}
