package cli

import "path/filepath"

// stateDir holds the builders; cacheDir what can be fetched or made again.
func (a *app) stateDir() (string, error) {
	return a.folder(a.global.state, envState, ".local/state")
}

func (a *app) cacheDir() (string, error) { return a.folder("", envCache, ".cache") }

func (a *app) folder(flag string, variable Variable, fallback string) (string, error) {
	if flag != "" {
		return filepath.Abs(flag)
	}
	if base := a.get(variable); filepath.IsAbs(base) {
		return filepath.Join(base, Name), nil
	}
	home := a.get(envHome)
	if home == "" {
		return "", usage("neither %s nor HOME is set", variable.Name)
	}
	return filepath.Join(home, fallback, Name), nil
}
