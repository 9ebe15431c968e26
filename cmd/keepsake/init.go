package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/wedsync/keepsake/internal/config"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

type initCommand struct{}

func (c *initCommand) Run(a *app) error {
	conf, err := a.config()
	if err != nil {
		return err
	}
	made, err := a.makeKey(conf)
	if err != nil {
		return err
	}
	e, err := conf.Engine(a.ctx, engine.Options{Logger: a.logger()})
	if err != nil {
		return err
	}
	r, err := e.Init(a.ctx)
	if err != nil {
		if made != "" { // a key that opens nothing would only mislead
			_ = os.Remove(made)
		}
		return err
	}
	if a.cli.JSON {
		printJSON(a.io.out, struct {
			engine.InitResult
			RecoveryKey string `json:"recovery_key,omitempty"`
		}{r, r.RecoveryKey.Reveal()})
	} else {
		a.printInit(conf, r, made)
	}
	for _, copied := range r.Copies {
		if !copied.Confirmed {
			return errExit(exitUnprotected)
		}
	}
	return nil
}

// makeKey writes a new key file where the configuration names one that does not exist and nothing else gives a key.
func (a *app) makeKey(conf *config.Config) (string, error) {
	if conf.Key.File == "" || a.env.get("KEEPSAKE_KEY") != "" {
		return "", nil
	}
	path := conf.Resolve(conf.Key.File)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", keepsake.Errorf(keepsake.CodeInvalid, "%s: key.file: its directory cannot be made: %w", conf.Path(), err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return "", nil
	}
	if err != nil {
		return "", keepsake.Errorf(keepsake.CodeInvalid, "%s: key.file: %s cannot be written: %w", conf.Path(), conf.Key.File, err)
	}
	_, err = f.WriteString(repository.NewKeyFile().Reveal() + "\n")
	return path, errors.Join(err, f.Sync(), f.Close())
}

func (a *app) printInit(conf *config.Config, r engine.InitResult, made string) {
	if made != "" {
		a.printf("Key written to %s.\n", conf.Key.File)
	}
	if !r.Created {
		a.printf("Repository %s is there already, and this key opens it.\n", r.Repository)
	} else {
		a.printf("Repository %s made.\n", r.Repository)
	}
	a.printCopies(r.Copies)
	if r.RecoveryKey == "" {
		return
	}
	a.printf(`
RECOVERY KEY, shown only now:

    %s

Write it down, on paper, and keep it away from this machine and from every provider.
Without the key file and without this recovery key nobody can read the backups: not you, not us.
Whoever has it and one provider can read everything.

`, r.RecoveryKey.Reveal())
}
