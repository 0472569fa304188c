package guardcli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/guard/admission"
	"github.com/selfsame-build/selfsame/internal/atomicfile"
)

type certificateOptions struct {
	out, namespace string
	names          []string
	days           int
}

func (a *app) certificateCommand() *cobra.Command {
	var o certificateOptions
	cmd := &cobra.Command{
		Use: "certificate", GroupID: "nouns", Short: "Make or renew the webhook's certificate, with an authority of its own", Args: cobra.NoArgs,
		Long: `Write an authority (ca.crt, ca.key) and the webhook's certificate and key (tls.crt, tls.key) into a folder. Where there is an authority already, only the
certificate is made anew: the webhook takes it without a restart, and API servers go on trusting ca.crt. Keep ca.key away from the cluster:
whoever has it can stand in for the webhook.`,
		Example: `  selfsame-guard certificate --out guard-tls
  kubectl -n selfsame-guard create secret tls selfsame-guard-tls --cert guard-tls/tls.crt --key guard-tls/tls.key`,
		RunE: func(*cobra.Command, []string) error { return a.runCertificate(o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.out, "out", "", "the folder")
	f.StringVar(&o.namespace, "namespace", "selfsame-guard", "the guard's namespace, which is in the webhook's name")
	f.StringArrayVar(&o.names, "name", nil, "another name or address that API servers call the webhook by; may be repeated")
	f.IntVar(&o.days, "days", 90, "how long the certificate lives, in days, 1 to 398")
	return cmd
}

func (a *app) runCertificate(o certificateOptions) error {
	if o.out == "" {
		return usage("certificate needs --out, a folder")
	}
	if o.days < 1 || o.days > 398 {
		return usage("a certificate lives for 1 to 398 days, not %d", o.days)
	}
	if err := os.MkdirAll(o.out, 0o700); err != nil {
		return err
	}
	authority, err := openAuthority(o.out)
	if err != nil {
		return err
	}
	names := append(admission.ServiceNames("selfsame-guard", o.namespace), o.names...)
	cert, key, err := authority.Issue(time.Now(), time.Duration(o.days)*24*time.Hour, names...)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		data []byte
		mode os.FileMode
	}{{"tls.key", key, 0o600}, {"tls.crt", cert, 0o644}} {
		if err := atomicfile.Write(filepath.Join(o.out, f.name), f.data, f.mode); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(a.Out, filepath.Join(o.out, "tls.crt"))
	return err
}

// openAuthority reads the authority of a folder, or makes it.
func openAuthority(dir string) (*admission.Authority, error) {
	cert, key := filepath.Join(dir, "ca.crt"), filepath.Join(dir, "ca.key")
	pem, err := os.ReadFile(cert)
	if err == nil {
		secret, err := os.ReadFile(key)
		if err != nil {
			return nil, err
		}
		return admission.ReadAuthority(pem, secret)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	a, err := admission.NewAuthority(time.Now())
	if err != nil {
		return nil, err
	}
	if err := atomicfile.Write(key, a.Key, 0o600); err != nil {
		return nil, err
	}
	return a, atomicfile.Write(cert, a.Certificate, 0o644)
}
