package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/keepsake"
)

type adminCommands struct {
	Create adminCreateCommand `cmd:"" help:"Create a local super admin."`
}

type adminCreateCommand struct {
	Email         string `help:"E-mail address to sign in with." required:"" placeholder:"ADDRESS"`
	PasswordStdin bool   `help:"Read the password from standard input instead of asking for it."`
	Reset         bool   `help:"The account exists: give it a new password."`
}

func (c *adminCreateCommand) Run(a *app) error {
	conf, err := a.config()
	if err != nil {
		return err
	}
	password, err := a.password(c.PasswordStdin)
	if err != nil {
		return err
	}
	d, err := a.openDatabase(conf)
	if err != nil {
		return err
	}
	defer d.Close()
	by := keepsake.System("command line")
	word := "made"
	if c.Reset {
		word = "given a new password"
		err = auth.SetPassword(a.ctx, d, by, c.Email, password)
	} else {
		err = auth.CreateAccount(a.ctx, d, by, c.Email, password, keepsake.RoleSuperAdmin)
	}
	if err != nil {
		return err
	}
	if a.cli.JSON {
		printJSON(a.io.out, map[string]string{"email": c.Email, "role": string(keepsake.RoleSuperAdmin)})
	} else {
		a.printf("Super admin %s %s.\n", c.Email, word)
	}
	return nil
}

// password reads the new password from a pipe, or asks twice on a terminal without showing it.
func (a *app) password(fromStdin bool) (keepsake.Secret, error) {
	if fromStdin {
		line, err := bufio.NewReader(io.LimitReader(a.io.in, 4096)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return keepsake.Secret(strings.TrimRight(line, "\r\n")), nil
	}
	f, ok := a.io.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return "", keepsake.Errorf(keepsake.CodeInvalid, "there is no terminal to ask for the password: pipe it in and add --password-stdin")
	}
	var answers [2]string
	for i, prompt := range []string{"Password: ", "Again: "} {
		_, _ = fmt.Fprint(a.io.err, prompt)
		b, err := term.ReadPassword(int(f.Fd()))
		_, _ = fmt.Fprintln(a.io.err)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		answers[i] = string(b)
	}
	if answers[0] != answers[1] {
		return "", keepsake.Errorf(keepsake.CodeInvalid, "the two passwords differ: nothing was changed")
	}
	return keepsake.Secret(answers[0]), nil
}
