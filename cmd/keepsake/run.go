package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/wedsync/keepsake/internal/config"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// The exit codes. README.md documents them; scripts rely on them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2 // usage or configuration
	exitUnprotected = 3 // done, but the 3-2-1 rule is not met
	exitDamage      = 4 // damage found
)

// heapTarget is where the garbage collector starts to work harder: the promise is 256 MiB for the whole process.
const heapTarget = 160 << 20

type environment struct {
	get    func(string) string
	lookup func(string) (string, bool)
}

type stdio struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

// app is what every command works with.
type app struct {
	ctx context.Context
	env environment
	io  stdio
	cli *cli
}

// cli is the command line. Every flag is also an environment variable, KEEPSAKE_ and its name.
type cli struct {
	Config  string `help:"Configuration file." default:"keepsake.yaml" env:"KEEPSAKE_CONFIG" placeholder:"FILE"`
	JSON    bool   `help:"Print one JSON document to standard output." env:"KEEPSAKE_JSON" name:"json"`
	Quiet   bool   `help:"Print no progress." short:"q" env:"KEEPSAKE_QUIET"`
	Verbose bool   `help:"Print the operation's log to standard error." short:"v" env:"KEEPSAKE_VERBOSE"`

	Init    initCommand    `cmd:"" help:"Make the repository and its key, and print the recovery key once."`
	Backup  backupCommand  `cmd:"" help:"Take a recovery point of the platform at every provider."`
	Points  pointsCommand  `cmd:"" help:"List recovery points."`
	Verify  verifyCommand  `cmd:"" help:"Check that recovery points are whole at every provider."`
	Repair  repairCommand  `cmd:"" help:"Copy what a provider misses or holds damaged from one that has it."`
	Restore restoreCommand `cmd:"" help:"Restore a recovery point into a new, empty database and prove it."`
	Repo    repoCommands   `cmd:"" help:"Work on the repository itself."`
	Serve   serveCommand   `cmd:"" help:"Serve the console, with a worker in the same process."`
	Worker  workerCommand  `cmd:"" help:"Run operations that a console started, without serving pages."`
	Admin   adminCommands  `cmd:"" help:"Manage the console's local accounts."`
	Doctor  doctorCommand  `cmd:"" help:"Look at platform, providers, key and clock, and say what to do about each thing that is wrong."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

const description = `Encrypted backups of a wedding platform's PostgreSQL to several storage providers.

Exit codes: 0 done · 1 failed · 2 usage or configuration · 3 done but not protected (3-2-1 not met) · 4 damage found.`

// errExit ends the process with a code after the command has said everything itself.
type errExit int

func (e errExit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// run is the whole program but for the process around it.
func run(ctx context.Context, args []string, env environment, stdio stdio) int {
	debug.SetMemoryLimit(heapTarget)
	c := &cli{}
	ended := -1
	parser, err := kong.New(c, kong.Name("keepsake"), kong.Description(description), kong.UsageOnError(),
		kong.Writers(stdio.out, stdio.err), kong.Exit(func(code int) { ended = code }), kong.DefaultEnvars("KEEPSAKE"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}))
	if err != nil {
		return report(stdio, false, err)
	}
	parsed, err := parser.Parse(args)
	if ended >= 0 { // --help has been printed
		return ended
	}
	a := &app{ctx: ctx, env: env, io: stdio, cli: c}
	if err != nil {
		return report(stdio, wantsJSON(args), keepsake.Errorf(keepsake.CodeInvalid, "%w; keepsake --help lists the commands", err))
	}
	return report(stdio, c.JSON, parsed.Run(a))
}

func wantsJSON(args []string) bool {
	for _, a := range args {
		if a == "--json" {
			return true
		}
	}
	return false
}

// report prints the error as one line, or as JSON, and turns it into the exit code.
func report(stdio stdio, asJSON bool, err error) int {
	var exit errExit
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &exit):
		return int(exit)
	case errors.Is(err, context.Canceled):
		err = keepsake.Errorf(keepsake.CodeCancelled, "stopped before it was done; run it again: it goes on from what is stored already")
	}
	message := strings.Join(strings.Fields(keepsake.MessageOf(err)), " ")
	if asJSON {
		printJSON(stdio.out, map[string]any{"error": map[string]string{"code": string(keepsake.CodeOf(err)), "message": message}})
	} else {
		_, _ = fmt.Fprintln(stdio.err, "keepsake: "+message)
	}
	return exitCode(keepsake.CodeOf(err))
}

func exitCode(code keepsake.Code) int {
	switch code {
	case keepsake.CodeInvalid, keepsake.CodeWrongKey:
		return exitUsage
	case keepsake.CodeUnprotected:
		return exitUnprotected
	case keepsake.CodeDamaged:
		return exitDamage
	default:
		return exitFailed
	}
}

func printJSON(w io.Writer, v any) {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
}

func (a *app) printf(format string, args ...any) { _, _ = fmt.Fprintf(a.io.out, format, args...) }

func (a *app) config() (*config.Config, error) {
	return config.Load(a.cli.Config, a.env.lookup)
}

func (a *app) engine() (*engine.Engine, *config.Config, error) {
	c, err := a.config()
	if err != nil {
		return nil, nil, err
	}
	e, err := c.Engine(a.ctx, engine.Options{Logger: a.logger()})
	return e, c, err
}

func (a *app) logger() *slog.Logger {
	level := slog.LevelInfo
	if a.cli.Verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(a.io.err, &slog.HandlerOptions{Level: level}))
}

// terminal returns the file behind w if it is one that a person looks at.
func terminal(w io.Writer) (*os.File, bool) {
	f, ok := w.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}
