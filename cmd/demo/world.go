package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/sample"
	"github.com/wedsync/keepsake/internal/testenv"
)

const (
	platformDB = "wedsync"
	consoleDB  = "keepsake"
	adminEmail = "admin@wedsync.example"
	s3Bucket   = "backups"
	gcsBucket  = "backups-eu"
)

// world is the demo, running.
type world struct {
	dir      string
	say      *narrator
	state    state
	logs     []io.Closer
	postgres *testenv.Postgres
	s3       *testenv.S3Server
	gcs      *testenv.GCSServer
	console  *testenv.Program
}

// start brings everything up; what an earlier run finished is kept.
func (w *world) start(ctx context.Context, weddings int, large bool, port int) error {
	if err := w.load(); err != nil {
		return err
	}
	if w.state.Filled && (w.state.Weddings != weddings || w.state.Large != large) {
		w.say.line(fmt.Sprintf("The platform of the last run is kept: %d weddings%s. Another size: make demo-reset first.",
			w.state.Weddings, map[bool]string{true: ", large"}[w.state.Large]))
	} else {
		w.state.Weddings, w.state.Large = weddings, large
	}
	if w.state.AdminPassword == "" {
		w.state.ConsolePassword, w.state.AdminPassword = rand.Text(), strings.ToLower(rand.Text()[:16])
	}
	if err := errors.Join(os.MkdirAll(w.path("log"), 0o755),
		os.MkdirAll(w.path("bin"), 0o755), w.choosePorts(port)); err != nil {
		return err
	}
	for _, step := range []struct {
		name string
		skip bool
		do   func(context.Context) error
	}{
		{name: "Build keepsake", do: w.build},
		{name: "Start PostgreSQL", do: w.startPostgres},
		{name: "Start the S3 server", do: w.startS3},
		{name: "Start the GCS emulator", do: w.startGCS},
		{name: fmt.Sprintf("Fill a season of %d weddings", w.state.Weddings), skip: w.state.Filled, do: w.fill},
		{name: "Write the configuration", do: w.configure},
		{name: "Make the repository and its key", skip: w.state.Initialised, do: w.initialise},
		{name: "Make the super admin", skip: w.state.Admin, do: w.makeAdmin},
		{name: "Start the console", do: w.startConsole},
	} {
		if step.skip {
			continue
		}
		w.say.begin(step.name)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", strings.ToLower(step.name[:1])+step.name[1:], err)
		}
		w.say.end()
	}
	return nil
}

// stop ends the servers in the order in which nothing misses what it needs.
func (w *world) stop() {
	if w.console != nil {
		w.console.Stop()
	}
	if w.s3 != nil {
		w.s3.Stop()
	}
	if w.gcs != nil {
		w.gcs.Stop()
	}
	if w.postgres != nil {
		w.postgres.Stop()
	}
	for _, l := range w.logs {
		_ = l.Close()
	}
}

func (w *world) log(name string) (io.Writer, error) {
	f, err := os.OpenFile(w.path("log", name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	w.logs = append(w.logs, f)
	return f, nil
}

func (w *world) build(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "go", "build", "-o", w.path("bin", "keepsake"),
		"github.com/wedsync/keepsake/cmd/keepsake").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func (w *world) startPostgres(ctx context.Context) (err error) {
	log, err := w.log("postgres")
	if err != nil {
		return err
	}
	w.postgres, err = testenv.StartPostgres(ctx,
		testenv.PostgresOptions{
			Dir:      w.path("postgres"),
			Port:     w.state.Ports.Postgres,
			Log:      log,
			Settings: map[string]string{"wal_level": "logical", "shared_buffers": "256MB", "max_wal_size": "2GB"},
		})
	return err
}

func (w *world) startS3(ctx context.Context) (err error) {
	log, err := w.log("s3")
	if err != nil {
		return err
	}
	if w.s3, err = testenv.StartS3(ctx, w.path("s3"),
		testenv.WithPort(w.state.Ports.S3), testenv.WithLog(log)); err != nil {
		return err
	}
	return w.s3.CreateBucket(ctx, s3Bucket)
}

func (w *world) startGCS(ctx context.Context) (err error) {
	log, err := w.log("gcs")
	if err != nil {
		return err
	}
	if w.gcs, err = testenv.StartGCS(ctx, w.path("gcs"),
		testenv.WithPort(w.state.Ports.GCS), testenv.WithLog(log)); err != nil {
		return err
	}
	return w.gcs.CreateBucket(ctx, gcsBucket)
}

// fill makes the platform, from nothing: rows of a run that was stopped in the middle are of no use.
func (w *world) fill(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, w.postgres.URL("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "drop database if exists "+platformDB+" with (force)"); err != nil {
		return err
	}
	if err := w.postgres.CreateDatabase(ctx, platformDB); err != nil {
		return err
	}
	err = sample.Load(ctx, w.postgres.URL(platformDB), sample.Options{
		Weddings: w.state.Weddings,
		Large:    w.state.Large,
		Seed:     1,
		Today:    time.Now(),
		Progress: w.say.move,
	})
	if err != nil {
		return err
	}
	w.state.Filled = true
	return w.save()
}

func (w *world) configure(ctx context.Context) error {
	if w.state.OwnerPassword == "" { // a world of before there were two roles
		w.state.OwnerPassword = rand.Text()
		if err := w.save(); err != nil {
			return err
		}
	}
	owner, url, err := db.Provision(ctx, keepsake.Secret(w.postgres.URL("postgres")),
		db.ProvisionInput{
			Database:      consoleDB,
			Owner:         consoleDB + "_owner",
			OwnerPassword: keepsake.Secret(w.state.OwnerPassword),
			Server:        consoleDB,
			Password:      keepsake.Secret(w.state.ConsolePassword),
		})
	if err != nil {
		return err
	}
	config := fmt.Sprintf(`# The demo's configuration, written anew at every start. %s
platform: {url: %q}
console:  {url: %q, owner_url: %q}
key:      {file: ./keepsake.key}
providers:
  - {name: local,    type: file, path: ./repo, medium: disk}
  - {name: supabase, type: s3, medium: supabase, endpoint: %q, region: %s, bucket: %s, path_style: true, access_key_id: %q, secret_access_key: %q}
  - {name: offsite,  type: gcs, medium: gcs, bucket: %s, offsite: true, endpoint: %q}
server:   {address: "127.0.0.1:%d"}
`, "The passwords belong to this machine's private servers only.", w.postgres.URL(platformDB), url.Reveal(),
		owner.Reveal(), w.s3.Endpoint, testenv.Region, s3Bucket,
		w.s3.AccessKey, w.s3.SecretKey, gcsBucket, w.gcs.Endpoint, w.state.Ports.Console)
	credentials := fmt.Sprintf("address  %s\ne-mail   %s\npassword %s\n", w.address(), adminEmail, w.state.AdminPassword)
	return errors.Join(writeFile(w.path("keepsake.yaml"), []byte(config)),
		writeFile(w.path("credentials"), []byte(credentials)))
}

func (w *world) address() string { return "http://127.0.0.1:" + strconv.Itoa(w.state.Ports.Console) }

func (w *world) keepsake(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.path("bin", "keepsake"),
		append([]string{"--config", w.path("keepsake.yaml")}, args...)...)
	cmd.Dir = w.dir
	return cmd
}

// command runs keepsake to its end. Ctrl-C ends it through ctx.
func (w *world) command(ctx context.Context, input string, args ...string) error {
	cmd := w.keepsake(ctx, args...)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("keepsake %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(out.String()))
	}
	return nil
}

// initialise runs keepsake init, which goes on where a killed one stopped.
func (w *world) initialise(ctx context.Context) error {
	if err := w.command(ctx, "", "init", "--json"); err != nil {
		return err
	}
	w.state.Initialised = true
	return w.save()
}

func (w *world) makeAdmin(ctx context.Context) error {
	err := w.command(ctx, w.state.AdminPassword+"\n", "admin", "create", "--email", adminEmail, "--password-stdin")
	if err != nil { // a run that was stopped here has made the account already
		if again := w.command(ctx, w.state.AdminPassword+"\n", "admin", "password",
			"--email", adminEmail, "--password-stdin"); again != nil {
			return err
		}
	}
	w.state.Admin = true
	return w.save()
}

func (w *world) startConsole(ctx context.Context) (err error) {
	log, err := w.log("console")
	if err != nil {
		return err
	}
	w.console, err = testenv.StartProgram(ctx, w.keepsake(context.WithoutCancel(ctx), "serve"), log,
		func(ctx context.Context) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.address()+"/sign-in", nil)
			if err != nil {
				return err
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				return err
			}
			defer func() { _ = resp.Body.Close() }()
			if resp.StatusCode != http.StatusOK {
				return errors.New(resp.Status)
			}
			return nil
		})
	return err
}

// introduce says where everything is.
func (w *world) introduce(took time.Duration) {
	binary, config := w.path("bin", "keepsake"), w.path("keepsake.yaml")
	w.say.line(fmt.Sprintf(`
Keepsake is ready (%.0f s).

  Open      %s
  E-mail    %s
  Password  %s

  Commands  %s --config %s points
  Platform  psql %s

Ctrl-C stops everything, make demo continues, make demo-reset forgets.
`, took.Seconds(), w.address(), adminEmail, w.state.AdminPassword, relative(binary), relative(config),
		w.postgres.URL(platformDB)))
}
