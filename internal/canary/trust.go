package canary

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// TrustFile is the name of the file that Trust writes.
const TrustFile = "ca.pem"

// maxBundle bounds the bundle that Trust reads: the system's largest has some 250 KiB.
const maxBundle = 10 << 20

// errNoProxy means that the builder added nothing to the bundle, so the step that asked does not sit behind its proxy.
var errNoProxy = errors.New("the builder's proxy has no certificate here")

// Trust brings the certificate of the builder's proxy out of the step that runs it. bundle was an empty file before BuildKit appended
// the certificate to it, as it does to every proxied step's bundle (executor/proxyca_linux.go); dir/ca.pem gets what is there now.
func Trust(bundle, dir string) error {
	st, err := os.Stat(bundle)
	if err != nil {
		return fmt.Errorf("looking for the proxy's certificate: %w", err)
	}
	if st.Size() > maxBundle {
		return fmt.Errorf("%s has %d bytes", bundle, st.Size())
	}
	text, err := os.ReadFile(bundle)
	if err != nil {
		return fmt.Errorf("reading the proxy's certificate: %w", err)
	}
	var certs bytes.Buffer
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if err := pem.Encode(&certs, block); err != nil {
			return err
		}
	}
	if certs.Len() == 0 {
		return errNoProxy
	}
	return install(filepath.Join(dir, TrustFile), certs.Bytes())
}

// install puts a file in its place by rename, for steps of another build may be reading the one before.
func install(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return fmt.Errorf("writing the proxy's certificate: %w", err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o444), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing the proxy's certificate: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
