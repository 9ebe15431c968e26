package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/config"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

type initCommand struct{}

// initReport is what init --json prints. The recovery key is there only when the repository was made just now.
type initReport struct {
	engine.InitResult
	KeyFile     string `json:"key_file,omitempty"` // written just now
	RecoveryKey string `json:"recovery_key,omitempty"`
}

func (c *initCommand) deed() deed { return deed{action: audit.KeyRepository, detail: map[string]any{}} }

func (c *initCommand) Run(a *app) error {
	conf, err := a.config()
	if err != nil {
		return err
	}
	keyFile, err := makeKey(conf)
	if err != nil {
		return err
	}
	e, _, err := a.engine()
	if err != nil {
		return err
	}
	r, err := e.Init(a.ctx)
	code := keepsake.CodeOf(err)
	if keyFile != "" && (err != nil && (code == keepsake.CodeWrongKey || code == keepsake.CodeConflict) || err == nil &&
		!r.KeyOpens) {
		// The repository is older than this key, which opens nothing and would only mislead.
		err = errors.Join(err, os.Remove(keyFile))
		keyFile = ""
		if code == keepsake.CodeWrongKey {
			return keepsake.Errorf(keepsake.CodeWrongKey,
				"%s: key.file: there is a repository at the providers already, and its key is not here: put the key file back, "+
					"or set KEEPSAKE_RECOVERY_KEY, or name empty places for a new repository", conf.Path())
		}
	}
	if err != nil {
		return err
	}
	if a.cli.JSON {
		printJSON(a.io.out, initReport{r, keyFile, r.RecoveryKey.Reveal()})
	} else {
		a.printInit(r, keyFile)
	}
	for _, copied := range r.Copies {
		if !copied.Confirmed {
			return errExit(exitUnprotected)
		}
	}
	return nil
}

// makeKey writes a new key file where the configuration names one that does not exist and the environment gives no key.
// It returns its path, or "" when nothing was written. A file that is there is never touched.
func makeKey(conf *config.Config) (string, error) {
	if conf.Key.File == "" || conf.HasKey() {
		return "", nil
	}
	path := conf.Resolve(conf.Key.File)
	failed := func(err error) error {
		return keepsake.Errorf(keepsake.CodeInvalid,
			"%s: key.file: a new key cannot be written to %s: %w: name a place that can be written",
			conf.Path(), conf.Key.File, err)
	}
	if _, err := os.Lstat(path); err == nil {
		return "", nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", failed(errors.Unwrap(err))
	}
	// Written whole before it has its name: another init may read it, and of two the first one's key stays.
	f, err := os.CreateTemp(filepath.Dir(path), ".keepsake-key-*")
	if err != nil {
		return "", failed(errors.Unwrap(err))
	}
	_, err = f.WriteString(repository.NewKeyFile().Reveal() + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Link(f.Name(), path) // which never replaces anything
	}
	switch err = errors.Join(err, os.Remove(f.Name())); {
	case errors.Is(err, os.ErrExist):
		return "", nil
	case err != nil:
		return "", failed(err)
	}
	return path, nil
}

func (a *app) printInit(r engine.InitResult, keyFile string) {
	if keyFile != "" {
		a.printf("Key written to %s. Keep a copy of it away from this machine.\n", keyFile)
	}
	if r.Created {
		a.printf("Repository %s made.\n", r.Repository)
	} else {
		a.printf("Repository %s is there already, and this key opens it.\n", r.Repository)
	}
	a.printCopies(r.Copies, nil)
	for _, b := range r.Begun {
		if b.Missing == 0 && len(r.Unasked) == 0 {
			continue
		}
		a.printf("The place of provider %s was empty, and belongs to the repository now. If it had backups, look whether "+
			"its disk is mounted.\n", b.Provider)
		a.printLacking(b.Provider, b.Missing, r.Unasked)
	}
	if !r.Created {
		return
	}
	a.printf(`
RECOVERY KEY, shown only now:

    %s

Write it down, on paper, and keep it away from this machine and from every provider.
Without the key and without this recovery key nobody can read the backups: not you, not us.
Whoever has it and one provider can read everything.

`, r.RecoveryKey.Reveal())
}
