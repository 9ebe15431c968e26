package testenv

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	superuser    = "postgres"
	passwordFile = "superuser.password" // inside the data folder, so that a second start knows it
	readyTimeout = 60 * time.Second
)

// PostgresOptions says where and how a private server runs.
type PostgresOptions struct {
	// data folder, created and initialised if it is not there; "" is a temporary one, removed by Stop
	Dir      string
	Port     int               // TCP port on 127.0.0.1; 0 is a free one
	Settings map[string]string // server settings, such as wal_level
	Log      io.Writer         // the server's log; nil keeps only the last lines, for errors
}

// Postgres is a running private server.
type Postgres struct {
	Port int
	Dir  string

	password  string
	account   *syscall.Credential // nil: this process's own
	temporary bool
	child     *child
}

// StartPostgres starts a private server and returns when it answers queries. As root it runs as the account postgres
// (or nobody), to which the data folder is given. A folder of an earlier server, also one that was killed, is
// continued.
func StartPostgres(ctx context.Context, o PostgresOptions) (*Postgres, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	cred, err := unprivileged()
	if err != nil {
		return nil, err
	}
	p := &Postgres{Dir: o.Dir, Port: o.Port, account: cred}
	if p.Dir == "" {
		if p.Dir, err = tempDir("postgres"); err != nil {
			return nil, err
		}
		p.temporary = true
	}
	if p.Dir, err = filepath.Abs(p.Dir); err != nil {
		return nil, err
	}
	if p.password, err = prepareCluster(ctx, bin, p.Dir, cred); err != nil {
		return nil, err
	}
	if err := p.start(ctx, bin, cred, o); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// start runs the server, again on another port when the free port was taken in between, and again while the last
// processes of a killed server still hold the folder.
func (p *Postgres) start(ctx context.Context, bin string, cred *syscall.Credential, o PostgresOptions) error {
	if err := awaitPredecessor(ctx, p.Dir); err != nil {
		return err
	}
	var err error
	for range 5 {
		if o.Port == 0 {
			if p.Port, err = freePort(); err != nil {
				return err
			}
		}
		args := []string{"-D", p.Dir, "-c", "listen_addresses=127.0.0.1",
			"-c", "port=" + strconv.Itoa(p.Port), "-c", "unix_socket_directories="}
		for _, name := range slices.Sorted(maps.Keys(o.Settings)) {
			args = append(args, "-c", name+"="+o.Settings[name])
		}
		cmd := exec.Command(filepath.Join(bin, "postgres"), args...)
		cmd.Dir = "/" // not a folder that the account may be unable to enter
		cmd.SysProcAttr = asAccount(cred, p.Dir)
		if p.child, err = startChild(cmd, syscall.SIGQUIT, o.Log); err != nil {
			return err
		}
		if err = p.child.untilReady(ctx, readyTimeout, p.answers); err == nil {
			return nil
		}
		p.child.stop(5*time.Second, syscall.SIGQUIT)
		if ctx.Err() != nil {
			return err
		}
	}
	return err
}

// answers proves that this very server, not another one on the same port, executes queries.
func (p *Postgres) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var dir string
	if err := conn.QueryRow(ctx, "show data_directory").Scan(&dir); err != nil {
		return err
	}
	if dir != p.Dir {
		return fmt.Errorf("port %d belongs to the server of %s", p.Port, dir)
	}
	return nil
}

// URL returns the connection string of a database for the superuser, with its password, over TCP on 127.0.0.1.
func (p *Postgres) URL(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, p.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Command is a program that runs as the account which the server's files belong to, until ctx ends.
func (p *Postgres) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.SysProcAttr = "/", asAccount(p.account, p.Dir)
	return cmd
}

// Give makes a file or a folder belong to that account.
func (p *Postgres) Give(name string) error {
	if p.account == nil {
		return nil
	}
	return os.Chown(name, int(p.account.Uid), int(p.account.Gid))
}

// CreateDatabase makes an empty database. One that is there is an error.
func (p *Postgres) CreateDatabase(ctx context.Context, name string) error {
	return p.exec(ctx, "create database "+pgx.Identifier{name}.Sanitize())
}

func (p *Postgres) exec(ctx context.Context, sql string, args ...any) error {
	conn, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, sql, args...)
	return err
}

// Stop ends the server after a fast shutdown, or by force when that takes too long, and removes a temporary folder.
func (p *Postgres) Stop() {
	if p.child != nil {
		p.child.stop(20*time.Second, syscall.SIGINT, syscall.SIGQUIT)
	}
	if p.temporary {
		_ = os.RemoveAll(p.Dir) // what is left is removed by the next test binary
	}
}

// prepareCluster makes sure dir holds an initialised cluster that belongs to the account, and returns its password. A
// cluster is built beside its place and renamed, so that an interrupted start leaves nothing half made.
func prepareCluster(ctx context.Context, bin, dir string, cred *syscall.Credential) (string, error) {
	if _, err := os.Stat(filepath.Join(dir, "PG_VERSION")); err == nil {
		password, err := os.ReadFile(filepath.Join(dir, passwordFile))
		if err != nil {
			return "", fmt.Errorf("read the password of the server in %s: %w", dir, err)
		}
		return string(password), nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%s holds something that is no PostgreSQL cluster: choose another folder or empty it: %w",
			dir, err)
	}
	fresh := dir + ".new"
	if err := errors.Join(os.RemoveAll(fresh), os.MkdirAll(fresh, 0o700)); err != nil {
		return "", fmt.Errorf("make the data folder: %w", err)
	}
	if cred != nil {
		if err := os.Chown(fresh, int(cred.Uid), int(cred.Gid)); err != nil {
			return "", fmt.Errorf("give the data folder to the server's account: %w", err)
		}
	}
	password := rand.Text()
	if err := initdb(ctx, bin, fresh, password, cred); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(fresh, passwordFile), []byte(password), 0o600); err != nil {
		return "", err
	}
	if cred != nil { // whoever copies the folder as that account copies all of it
		if err := os.Chown(filepath.Join(fresh, passwordFile), int(cred.Uid), int(cred.Gid)); err != nil {
			return "", fmt.Errorf("give the password to the server's account: %w", err)
		}
	}
	return password, os.Rename(fresh, dir)
}

// initdb fills the empty folder dir.
func initdb(ctx context.Context, bin, dir, password string, cred *syscall.Credential) error {
	pwfile := dir + ".password" // initdb wants its folder empty
	if err := os.WriteFile(pwfile, []byte(password+"\n"), 0o600); err != nil {
		return err
	}
	defer os.Remove(pwfile)
	if cred != nil {
		if err := os.Chown(pwfile, int(cred.Uid), int(cred.Gid)); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "--pgdata", dir, "--username", superuser, "--pwfile",
		pwfile,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions")
	cmd.Dir = "/"
	cmd.SysProcAttr = asAccount(cred, dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initialise a PostgreSQL cluster: %w: %s", err, out)
	}
	return nil
}
