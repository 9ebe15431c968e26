package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/keepsake"
)

type adminCommands struct {
	Create        adminCreateCommand        `cmd:"" help:"Create a local super admin."`
	Password      adminPasswordCommand      `cmd:"" help:"Give an account a new password, lift its lock-out and end its sessions."`
	Close         adminCloseCommand         `cmd:"" help:"Close an account of somebody who left: its sessions end and its tokens are revoked."`
	Unlock        adminUnlockCommand        `cmd:"" help:"Lift the lock-out that wrong passwords for an account have brought."`
	SecondStepOff adminSecondStepOffCommand `cmd:"" help:"Take the second step of signing in from an account whose phone and recovery codes are lost, and end its sessions."`
}

type account struct {
	Email         string `help:"E-mail address of the account." required:"" placeholder:"ADDRESS"`
	PasswordStdin bool   `help:"Read the password from standard input instead of asking for it."`
}

type adminCreateCommand struct {
	account `embed:""`
}

func (c *adminCreateCommand) Run(a *app) error {
	return a.changeAccount(c.account, "made", func(ctx context.Context, d *db.DB, password keepsake.Secret) error {
		return auth.CreateAccount(ctx, d, a.actor(), c.Email, password, keepsake.RoleSuperAdmin)
	})
}

type adminPasswordCommand struct {
	account `embed:""`
}

func (c *adminPasswordCommand) Run(a *app) error {
	return a.changeAccount(c.account, "has a new password",
		func(ctx context.Context, d *db.DB, password keepsake.Secret) error {
			return auth.SetPassword(ctx, d, a.actor(), c.Email, password)
		})
}

type adminCloseCommand struct {
	Email string `help:"E-mail address of the account." required:"" placeholder:"ADDRESS"`
}

func (c *adminCloseCommand) Run(a *app) error {
	d, err := a.accounts()
	if err != nil {
		return err
	}
	defer d.Close()
	closed, err := auth.CloseAccount(a.ctx, d, a.actor(), c.Email)
	if err != nil {
		return err
	}
	a.sayRepository(d)
	if a.cli.JSON {
		printJSON(a.io.out, map[string]any{"email": c.Email, "sessions_ended": closed.Sessions,
			"tokens_revoked": closed.Tokens, "elsewhere": closed.Elsewhere})
		return nil
	}
	a.printf("The account of %s is closed: %s ended, %s revoked.\n", c.Email, some(closed.Sessions, "session"),
		some(closed.Tokens, "token"))
	if closed.Elsewhere {
		a.printf("It is kept at Supabase Auth. Take the role away there too: until then the person can sign in again.\n")
	}
	return nil
}

type adminUnlockCommand struct {
	Email string `help:"E-mail address of the account." required:"" placeholder:"ADDRESS"`
}

func (c *adminUnlockCommand) Run(a *app) error {
	d, err := a.accounts()
	if err != nil {
		return err
	}
	defer d.Close()
	if err := auth.Unlock(a.ctx, d, a.actor(), c.Email); err != nil {
		return err
	}
	if a.cli.JSON {
		printJSON(a.io.out, map[string]any{"email": c.Email, "locked": false})
	} else {
		a.printf("The wrong passwords for %s are forgotten: whoever has the account can sign in again.\nStill locked? Then "+
			"it is another e-mail, or the network that they came from; that ends by itself.\n", c.Email)
	}
	return nil
}

type adminSecondStepOffCommand struct {
	Email string `help:"E-mail address of the account." required:"" placeholder:"ADDRESS"`
}

func (c *adminSecondStepOffCommand) Run(a *app) error {
	d, err := a.accounts()
	if err != nil {
		return err
	}
	defer d.Close()
	if err := auth.SwitchSecondStepOff(a.ctx, d, a.actor(), c.Email); err != nil {
		return err
	}
	a.sayRepository(d)
	if a.cli.JSON {
		printJSON(a.io.out, map[string]any{"email": c.Email, "second_step": false})
	} else {
		a.printf("%s signs in with the password alone now. Its sessions have ended; have the second step switched on again "+
			"at /second-step.\n", c.Email)
	}
	return nil
}

// accounts opens the console database of the configuration.
func (a *app) accounts() (*db.DB, error) {
	conf, err := a.config()
	if err != nil {
		return nil, err
	}
	return a.openDatabase(conf)
}

func (a *app) changeAccount(c account, what string, change func(context.Context, *db.DB, keepsake.Secret) error) error {
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
	if err := change(a.ctx, d, password); err != nil {
		return err
	}
	a.sayRepository(d)
	if a.cli.JSON {
		printJSON(a.io.out, map[string]string{"email": c.Email, "role": string(keepsake.RoleSuperAdmin)})
	} else {
		a.printf("Super admin %s %s.\n", c.Email, what)
	}
	return nil
}

// sayRepository tells the repository, or the person that it could not be told. The console's worker tries again.
func (a *app) sayRepository(d *db.DB) {
	if err := a.tellRepository(d); err != nil {
		a.sayf("The repository could not be told, so while the console database is away this does not count: %s",
			keepsake.MessageOf(err))
	}
}

// tellTime bounds telling the repository of an account: the command has done its work without it.
const tellTime = 10 * time.Second

// tellRepository stores there who may sign in without the console database. Where no repository is yet, there is
// nothing to tell.
func (a *app) tellRepository(d *db.DB) error {
	ctx, cancel := context.WithTimeout(a.ctx, tellTime)
	defer cancel()
	e, conf, err := a.engine()
	if err == nil {
		err = a.accessKeeper(d, e, conf.Platform.Name).keep(ctx)
	}
	if keepsake.CodeOf(err) == keepsake.CodeNotFound {
		return nil
	}
	return err
}

// maxPassword bounds what is read from a pipe, in bytes; how long a password may be is for auth to say.
const maxPassword = 4096

// password reads the new password from a pipe, or asks twice on a terminal without showing it.
func (a *app) password(fromStdin bool) (keepsake.Secret, error) {
	if fromStdin {
		line, err := bufio.NewReader(io.LimitReader(a.io.in, maxPassword)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return keepsake.Secret(strings.TrimRight(line, "\r\n")), nil
	}
	f, live := terminal(a.io.in)
	if !live {
		return "", keepsake.Errorf(keepsake.CodeInvalid,
			"there is no terminal to ask for the password: pipe it in and add --password-stdin")
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
		return "", keepsake.Errorf(keepsake.CodeInvalid, "the two passwords differ: nothing was changed, try again")
	}
	return keepsake.Secret(answers[0]), nil
}
