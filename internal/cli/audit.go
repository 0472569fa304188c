//go:build !front

package cli

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/builder/daemon"
	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/rebuild"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/report"
	"github.com/selfsame-build/selfsame/signing"
)

type auditFlags struct {
	rebuild.Options
	release         []string
	trust           string
	who             identityFlags
	key, findingKey string
	sign            keylessFlags
	findingToken    string
	independence    string
	level           string
	challenge       string
	disk            int64
	report          string
	keepBases       bool
	untrusted       bool
	recipe          string
	watch           rebuild.WatchOptions
	fresh           freshFlags
}

func (a *app) auditCommand() *cobra.Command {
	var f auditFlags
	cmd := &cobra.Command{
		Use: "audit REF {--release-key KEY.pub | --trust FILE | --certificate-identity WHO}", GroupID: "trust", Short: "Build a published image again from its seal, and say whether the result is the same",
		Long: `Repeat the build of a published image from the registry alone: its evidence is verified first, its recipe, source and inputs come out of
its seal, and it is built here, once or with --twice on two unlike builders, in a place that is thrown away afterwards. No upstream is asked.
What comes out is compared with what was published, and a statement is made: a match is signed with --key, a difference with --finding-key
and never with another; without keys, --keyless and --finding-identity-token sign as two identities. With --push the statement is attached to the image. Exit 0: the same by --level; 13: different. An image that was
released without a key is audited with --trusted-root, --certificate-identity and --certificate-oidc-issuer, as "verify" has them. With --trust, whoever may release
by that trust file is believed, for the names that it gives them. With --deny-list, or a deny list in the trust file, nothing is built of what was taken back: file and list
are read by each audit anew.

With --untrusted, REF is an image that another tool built: BuildKit's provenance in it is read, and what it lacks for a rebuild is listed; with --refetch
its registries are asked for the images that it was made of, and which of them it begins with is shown. --recipe DIR writes what the provenance says as
a recipe: read it, then "selfsame lock DIR", "selfsame build DIR" and "selfsame diff REF selfsame-out/image" show how much comes out the same.
With --watch FILE, the images that FILE names (one a line, by digest) are audited again and again, one line of JSON for each.`,
		Example: "  selfsame audit registry.example.com/team/shop@sha256:... --release-key release.pub --key rebuilder.key --push\n" +
			"  selfsame audit --watch published.txt --release-key release.pub --every 24h",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runAudit(cmd, args, f) },
	}
	f.define(cmd)
	return cmd
}

func (f *auditFlags) define(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringSliceVar(&f.release, "release-key", nil, "public key that must have signed the image's evidence")
	fl.StringVar(&f.trust, "trust", "", "trust file: who may release, and which deny list is asked")
	f.who.register(fl)
	fl.StringVar(&f.Name, "name", "", "repository that the evidence must name (default: REF's)")
	fl.BoolVar(&f.Twice, "twice", false, "build on two unlike builders, and not on one")
	fl.StringVar(&f.level, "level", string(provenance.LevelManifest), "how equal is equal enough: manifest, config or diffIDs")
	fl.StringVar(&f.key, "key", "", "private key (a file, pkcs11:... or NAME://...) that signs a match (password or PIN: SELFSAME_KEY_PASSWORD, or asked for once the build has ended)")
	fl.StringVar(&f.findingKey, "finding-key", "", "private key (a file, pkcs11:... or NAME://...) that signs a difference")
	f.sign.registerBeside(cmd)
	fl.StringVar(&f.findingToken, "finding-identity-token", "", "file with the token of another identity, which signs a difference without a key")
	fl.BoolVar(&f.Push, "push", false, "attach what is signed to the image, instead of writing it to --out")
	fl.StringVar(&f.Out, "out", filepath.Join(DefaultOut, "audit"), "folder for statements, and for a rebuilt image that differs")
	fl.StringVar(&f.RebuilderID, "rebuilder-id", "", "URI of the auditor's builders (default: "+provenance.BuilderID(provenance.ModeAudit)+")")
	fl.StringVar(&f.independence, "independence", string(provenance.SameHost), "what the auditor claims to be to the builder: same-host, other-host or other-owner")
	fl.StringVar(&f.challenge, "challenge", "", "nonce, or file with one, under which the stages that are not in the image are answered for")
	fl.BoolVar(&f.Refetch, "refetch", false, "also ask upstream for every input again, and count what has changed or vanished")
	fl.StringSliceVar(&f.Private, "private", nil, "host, or host:port, on a private network that --refetch may reach; and the recipe that --recipe writes")
	fl.Int64Var(&f.disk, "disk", 40, "gigabytes that the inputs may take, and each builder; one without a filesystem of its own (without root, and the first of --twice) is measured while it builds")
	fl.BoolVar(&f.keepBases, "keep-bases", false, "make each Debian base once, and start later audits from it; the statement says so")
	fl.DurationVar(&f.Timeout, "timeout", 2*time.Hour, "how long an audit may take")
	fl.BoolVar(&f.untrusted, "untrusted", false, "read BuildKit's provenance of an image that another tool built, which nobody vouches for, and build nothing")
	fl.StringVar(&f.recipe, "recipe", "", "with --untrusted: write a recipe that repeats the build, as far as its provenance goes, into this folder")
	fl.StringVar(&f.watch.File, "watch", "", "audit the images that this file names, again and again")
	fl.DurationVar(&f.watch.Every, "every", 24*time.Hour, "with --watch: how long a result stands")
	fl.BoolVar(&f.watch.Once, "once", false, "with --watch: end after one round")
	fl.StringVar(&f.watch.State, "watch-state", "", "with --watch: file that remembers results (default: FILE.state.json)")
	f.fresh.registerDeny(fl)
	reportFlag(fl, &f.report)
}

func (a *app) runAudit(cmd *cobra.Command, args []string, f auditFlags) error {
	if err := f.check(cmd, args); err != nil {
		return err
	}
	ctx := cmd.Context()
	if f.untrusted {
		return a.runForeign(ctx, args[0], f)
	}
	if err := f.read(ctx, a); err != nil {
		return err
	}
	if err := a.asRoot(); err != nil {
		return err
	}
	client := a.registry(registry.Options{})
	if err := f.trusting(ctx, a, client); err != nil {
		return err
	}
	if err := openReport(f.report); err != nil {
		return err
	}
	if err := f.signers(ctx, a); err != nil {
		return err
	}
	auditor := &rebuild.Auditor{Registry: client, Now: time.Now, Notice: a.notice, Sandbox: a.sandbox(f.Private)}
	if f.watch.File != "" {
		return a.watch(ctx, auditor, f)
	}
	f.Reference = args[0]
	res, err := auditor.Audit(ctx, f.Options)
	if err != nil {
		return err
	}
	return a.showAudit(res, f)
}

// sameKey says whether two flags name one key: by the same name, or by two names of one file.
func sameKey(a, b string) bool {
	if a == "" || a == b {
		return a != ""
	}
	x, errX := signing.ParseRef(a)
	y, errY := signing.ParseRef(b)
	if errX != nil || errY != nil || x.File == "" || y.File == "" {
		return false
	}
	s, errX := os.Stat(x.File)
	t, errY := os.Stat(y.File)
	return errX == nil && errY == nil && os.SameFile(s, t)
}

// read turns flags into options.
func (f *auditFlags) read(ctx context.Context, a *app) error {
	var err error
	if f.Release.Keys, err = a.verifiers(ctx, f.release); err != nil {
		return err
	}
	if f.Release.Root, f.Identities, err = f.who.load(); err != nil {
		return err
	}
	f.Level, f.Independence = provenance.Level(f.level), provenance.Independence(f.independence)
	if f.disk <= 0 || f.disk > 1<<20 {
		return usage("--disk is a number of gigabytes")
	}
	f.DiskBytes = f.disk << 30
	if f.Push && f.key == "" && f.findingKey == "" && !f.sign.on && f.findingToken == "" {
		return usage("--push attaches what is signed: give --key or --finding-key, or --keyless")
	}
	if f.Challenge, err = nonce(f.challenge); err != nil || !f.keepBases {
		return err
	}
	cache, err := a.cacheDir()
	f.Bases = filepath.Join(cache, "audited")
	return err
}

// nonce is the flag's value, or the first line of the file that it names.
func nonce(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	data, err := os.ReadFile(value) //nolint:gosec // the user's own file
	if errors.Is(err, os.ErrNotExist) {
		return value, nil
	}
	if err != nil {
		return "", usage("reading the challenge: %v", err)
	}
	return firstLine(data), nil
}

func firstLine(data []byte) string {
	for i, c := range data {
		if c == '\n' || c == '\r' {
			return string(data[:i])
		}
	}
	return string(data)
}

// sandbox makes the places of audits. private are the hosts on private networks that refetching may reach; evidence cannot name others.
func (a *app) sandbox(private []string) func(context.Context) (*rebuild.Sandbox, error) {
	return func(ctx context.Context) (*rebuild.Sandbox, error) {
		state, err := a.stateDir()
		if err != nil {
			return nil, err
		}
		bin, err := a.binaries()
		if err != nil {
			return nil, err
		}
		box, err := rebuild.NewSandbox(ctx, filepath.Join(state, "audits"), bin)
		if err != nil {
			return nil, err
		}
		if err := a.furnish(ctx, box, box.Daemons(), private); err != nil {
			return nil, errors.Join(err, box.Close(ctx))
		}
		return box, nil
	}
}

func (a *app) furnish(ctx context.Context, box *rebuild.Sandbox, m *daemon.Manager, private []string) error {
	store, err := inputs.OpenFleeting(filepath.Join(box.Dir, rebuild.Store))
	if err != nil {
		return err
	}
	h, done, err := a.hostAt(ctx, store, m, filepath.Join(box.Dir, rebuild.Cache))
	if err != nil {
		return errors.Join(err, store.Close())
	}
	h.HTTP = inputs.Guarded(private, http.ProxyFromEnvironment)
	h.SSHAgent = "" // evidence may name repositories; the user's agent is not for them
	box.Host, box.Done = h, done
	return nil
}

// showAudit prints the result: one line or JSON on stdout, the rest for people on stderr.
func (a *app) showAudit(res *rebuild.Result, f auditFlags) error {
	var unwritten error
	if res.Report != nil {
		if f.report != "" {
			unwritten = writeReport(f.report, res.Report)
		}
		if !a.global.json {
			if err := report.Text(a.Err, *res.Report); err != nil {
				return err
			}
		}
	}
	if a.global.json {
		if err := res.JSON(a.Out); err != nil {
			return err
		}
		return a.verdict(res.ExitCode, unwritten)
	}
	if !a.global.quiet || res.ExitCode != diag.ExitProven {
		if err := res.Text(a.Err); err != nil {
			return err
		}
	}
	if res.ExitCode == diag.ExitProven {
		if _, err := a.Out.Write([]byte(res.Name + "@" + string(res.Digest) + "\n")); err != nil {
			return err
		}
	}
	return a.verdict(res.ExitCode, unwritten)
}
