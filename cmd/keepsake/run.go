package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/wedsync/keepsake/internal/config"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// The exit codes. docs/command-line.md documents them; scripts rely on them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2 // usage or configuration
	exitUnprotected = 3 // done, but the 3-2-1 rule is not met
	exitDamage      = 4 // damage found
	exitExceptions  = 5 // done, with exceptions that are named
)

// heapTarget is where the garbage collector starts to work harder: the promise is 256 MiB for the whole process.
const heapTarget = 160 << 20

// lookupEnv is os.LookupEnv outside tests.
type lookupEnv func(name string) (string, bool)

type stdio struct {
	in  io.Reader
	out io.Writer // results only
	err io.Writer // errors, progress, logs
}

// app is what every command works with.
type app struct {
	ctx context.Context
	env lookupEnv
	io  stdio
	cli *cli

	request string // what the audit trail calls this run of the program
	engines []*engine.Engine
}

// cli is the command line. Every flag is also an environment variable, KEEPSAKE_ and its name.
type cli struct {
	Config  string `help:"Configuration file." default:"keepsake.yaml" env:"KEEPSAKE_CONFIG" placeholder:"FILE"`
	JSON    bool   `help:"Print one JSON document to standard output, also for errors." env:"KEEPSAKE_JSON" name:"json"`
	Quiet   bool   `help:"Print no progress." short:"q" env:"KEEPSAKE_QUIET"`
	Verbose bool   `help:"Print the operation's log to standard error." short:"v" env:"KEEPSAKE_VERBOSE"`

	LogFormat   string           `help:"How log lines are written to standard error: text, or json for a collector." enum:"text,json" default:"text" env:"KEEPSAKE_LOG_FORMAT"`
	ShowVersion kong.VersionFlag `name:"version" help:"Print the version." env:"-"`

	Init      initCommand       `cmd:"" help:"Make the repository and its key, and print the recovery key once."`
	Backup    backupCommand     `cmd:"" help:"Take a recovery point of the platform at every provider."`
	Points    pointsCommand     `cmd:"" help:"List recovery points."`
	Mark      markCommand       `cmd:"" help:"Change note, labels and lock of a recovery point."`
	Verify    verifyCommand     `cmd:"" help:"Check that recovery points are whole at every provider."`
	Repair    repairCommand     `cmd:"" help:"Copy what a provider misses or holds damaged from one that has it."`
	Restore   restoreCommand    `cmd:"" help:"Restore a recovery point into a new, empty database and prove it."`
	Schema    schemaCommand     `cmd:"" help:"Print the SQL of a recovery point's schema, or of single entries of it. It may hold passwords."`
	Scope     scopeCommands     `cmd:"" help:"Look at one wedding or organization, bring it back into the live platform, and take that back."`
	Policy    policyCommands    `cmd:"" help:"Say when backups begin by themselves, and try other rhythms."`
	Retention retentionCommands `cmd:"" help:"Say which recovery points stay, and remove the others."`
	Repo      repoCommands      `cmd:"" help:"Work on the repository itself."`
	Serve     serveCommand      `cmd:"" help:"Serve the console, with a worker in the same process."`
	Worker    workerCommand     `cmd:"" help:"Run operations that a console started, without serving pages."`
	Admin     adminCommands     `cmd:"" help:"Manage the console's local accounts."`
	Audit     auditCommands     `cmd:"" help:"Verify and export the audit trail."`
	Alert     alertCommands     `cmd:"" help:"Try the addresses that alerts go to."`
	Doctor    doctorCommand     `cmd:"" help:"Look at platform, providers, key and clock, and say what to do about each thing that is wrong."`
	Version   versionCommand    `cmd:"" help:"Print the version."`
}

const description = `Encrypted backups of a wedding platform's PostgreSQL to several storage providers.

Exit codes: 0 done · 1 failed · 2 usage or configuration · 3 done but not protected (3-2-1 not met) · 4 damage found
· 5 done with exceptions that are named.`

// errExit ends the process with a code after the command has said everything itself.
type errExit int

func (e errExit) Error() string { return "exit code " + strconv.Itoa(int(e)) }

// run is the whole program but for the process around it. It returns the exit code.
func run(ctx context.Context, args []string, env lookupEnv, stdio stdio) int {
	debug.SetMemoryLimit(heapTarget)
	a := &app{ctx: ctx, env: env, io: stdio, cli: &cli{}, request: rand.Text()}
	ended := -1
	parser, err := kong.New(a.cli, kong.Name("keepsake"), kong.Description(description),
		kong.Writers(stdio.out, stdio.err), kong.Exit(func(code int) { ended = code }),
		kong.Vars{"version": "keepsake " + engine.Version}, kong.DefaultEnvars("KEEPSAKE"),
		kong.Resolvers(fromEnvironment(env)),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}))
	if err != nil {
		return a.report(err)
	}
	parsed, err := parser.Parse(args)
	if ended >= 0 { // --help has been printed
		return ended
	}
	if err != nil {
		a.cli.JSON = a.cli.JSON || a.wantsJSON(args)
		return a.report(keepsake.Errorf(keepsake.CodeInvalid,
			"%w: keepsake --help lists the commands, keepsake COMMAND --help a command's flags", err))
	}
	defer func() {
		for _, e := range a.engines {
			e.Close()
		}
	}()
	//nolint:contextcheck // a command that is interrupted is on record all the same
	return a.report(a.recordCommand(parsed.Selected().Target.Addr().Interface(), func() error {
		err := parsed.Run(a)
		var exit errExit
		if err != nil && ctx.Err() != nil && !errors.As(err, &exit) {
			return interrupted(parsed.Selected().Name, err)
		}
		return err
	}))
}

// fromEnvironment gives flags that are not on the command line their environment variables' values.
func fromEnvironment(env lookupEnv) kong.ResolverFunc {
	return func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		for _, name := range flag.Envs {
			if value, ok := env(name); ok {
				return value, nil
			}
		}
		return nil, nil
	}
}

// wantsJSON looks for --json where the command line could not be parsed.
func (a *app) wantsJSON(args []string) bool {
	value, _ := a.env("KEEPSAKE_JSON")
	set, _ := strconv.ParseBool(value)
	return set || slices.Contains(args, "--json")
}

// interrupted says what stopping a command in the middle means for the data. What was stopped fails in many words: a
// query that was cancelled, a tool that was killed.
func interrupted(command string, err error) error {
	var told *keepsake.Error
	// it knows where the recovery point is
	if errors.As(err, &told) && told.Code == keepsake.CodeCancelled && command == "backup" {
		return told
	}
	what := map[string]string{
		"backup":  "no recovery point was made: run it again, it uploads only what is not there yet",
		"restore": "the target database, if it was begun, is incomplete: run the same restore again, it starts over",
		"repair":  "what was copied stays: run it again for the rest",
		"run":     "what was marked or deleted by then stays so: run it again for the rest",
	}[command]
	if what == "" && !errors.Is(err, context.Canceled) {
		return err
	}
	if what == "" {
		what = "nothing was changed"
	}
	return &keepsake.Error{Code: keepsake.CodeCancelled, Message: "stopped before it was done; " + what, Err: err}
}

// report prints the error as one line, or as JSON, and returns the exit code. No error at all is 0.
func (a *app) report(err error) int {
	var exit errExit
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &exit):
		return int(exit)
	}
	message := strings.Join(strings.Fields(keepsake.MessageOf(err)), " ")
	if a.cli.JSON {
		type problem struct {
			Code    keepsake.Code `json:"code"`
			Message string        `json:"message"`
		}
		printJSON(a.io.out, map[string]problem{"error": {keepsake.CodeOf(err), message}})
	} else if a.logsJSON() {
		a.logger(slog.LevelInfo).ErrorContext(a.ctx, message, "code", keepsake.CodeOf(err))
	} else {
		_, _ = fmt.Fprintln(a.io.err, "keepsake: "+message)
	}
	return exitCode(keepsake.CodeOf(err))
}

// exitCode is the one place that turns a code into an exit code.
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

// printf writes a result for people.
func (a *app) printf(format string, args ...any) { _, _ = fmt.Fprintf(a.io.out, format, args...) }

func (a *app) config() (*config.Config, error) { return config.Load(a.cli.Config, a.env) }

// engine reads the configuration and builds the engine over it, which is closed when the command has ended.
func (a *app) engine() (*engine.Engine, *config.Config, error) {
	c, err := a.config()
	if err != nil {
		return nil, nil, err
	}
	e, err := c.Engine(a.ctx)
	if err == nil {
		a.engines = append(a.engines, e)
	}
	return e, c, err
}

// logsJSON reports whether standard error is read by a collector of logs.
func (a *app) logsJSON() bool { return a.cli.LogFormat == "json" }

// sayf tells whoever watches the process something that is no result and no error.
func (a *app) sayf(format string, args ...any) {
	if a.logsJSON() {
		a.logger(slog.LevelInfo).InfoContext(a.ctx, fmt.Sprintf(format, args...))
		return
	}
	_, _ = fmt.Fprintf(a.io.err, format+"\n", args...)
}

// logger writes to standard error what is at least of the level, and everything with --verbose.
func (a *app) logger(level slog.Level) *slog.Logger {
	if a.cli.Verbose {
		level = slog.LevelDebug
	}
	options := &slog.HandlerOptions{Level: level}
	if a.logsJSON() {
		return slog.New(slog.NewJSONHandler(a.io.err, options))
	}
	return slog.New(slog.NewTextHandler(a.io.err, options))
}

// terminal returns the file behind a stream if it is one that a person looks at.
func terminal(stream any) (*os.File, bool) {
	f, ok := stream.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

type versionCommand struct{}

func (versionCommand) Run(a *app) error {
	if a.cli.JSON {
		printJSON(a.io.out, map[string]string{"version": engine.Version})
	} else {
		a.printf("keepsake %s\n", engine.Version)
	}
	return nil
}
