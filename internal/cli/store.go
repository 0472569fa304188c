//go:build !front

package cli

import (
	"encoding/json"
	"fmt"

	"github.com/docker/go-units"
	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

func (a *app) storeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "store", GroupID: "nouns", Short: "Look after the store of sealed inputs", Args: cobra.NoArgs}
	var keep []string
	var max string
	gc := &cobra.Command{
		Use: "gc", Short: "Delete what was used least recently, until the store is small enough", Args: cobra.NoArgs,
		Example: "  selfsame store gc --max 5GB --keep examples/node-app/selfsame.lock",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.runGC(cmd, keep, max) },
	}
	gc.Flags().StringSliceVar(&keep, "keep", nil, "a lock whose inputs stay")
	gc.Flags().StringVar(&max, "max", "20GB", "how large the store may be afterwards")
	cmd.AddCommand(gc)
	return cmd
}

func (a *app) runGC(cmd *cobra.Command, keep []string, max string) error {
	bytes, err := units.FromHumanSize(max)
	if err != nil {
		return usage("--max %s: %v", max, err)
	}
	kept := map[digest.Digest]bool{}
	for _, path := range keep {
		l, err := lock.ReadFile(path)
		if err != nil {
			return err
		}
		for _, e := range l.Entries {
			kept[e.Digest], kept[e.Headers] = true, true
		}
	}
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	got, err := s.GC(cmd.Context(), func(d digest.Digest) bool { return kept[d] }, bytes)
	if err != nil {
		return err
	}
	if a.global.json {
		return json.NewEncoder(a.Out).Encode(struct {
			SchemaVersion int   `json:"schemaVersion"`
			Removed       int   `json:"removed"`
			RemovedBytes  int64 `json:"removedBytes"`
			Kept          int   `json:"kept"`
			KeptBytes     int64 `json:"keptBytes"`
		}{1, got.Removed, got.RemovedBytes, got.Kept, got.KeptBytes})
	}
	_, err = fmt.Fprintf(a.Out, "deleted %s, %s; kept %d, %s\n", diag.Counted(got.Removed, "blob", "blobs"), units.HumanSize(float64(got.RemovedBytes)), got.Kept, units.HumanSize(float64(got.KeptBytes)))
	return err
}
