package main

import (
	"fmt"

	"github.com/wedsync/keepsake/internal/audit"
)

type writerKeyCommand struct{}

func (c *writerKeyCommand) deed() deed {
	return deed{action: audit.KeyWriter, detail: map[string]any{}}
}

func (c *writerKeyCommand) Run(a *app) error {
	e, _, err := a.engine()
	if err != nil {
		return err
	}
	key, err := e.WriterKey(a.ctx)
	if err != nil {
		return err
	}
	if a.cli.JSON {
		printJSON(a.io.out, map[string]string{"writer_key": key.Reveal()})
		return nil
	}
	a.printf("%s\n", key.Reveal())
	_, _ = fmt.Fprint(a.io.err, `
Put it where the key stands on the other machine: in the file that key.file names, mode 600, or in KEEPSAKE_KEY.
With it, keepsake backup takes full and critical backups there. It reads nothing, not even what it wrote itself.
Keep it secret all the same: whoever has it and a provider's credentials can add recovery points of their own.
`)
	return nil
}
