package testenv

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
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
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	superuser    = "postgres"
	passwordFile = "superuser.password" // inside the data folder, so that a second start knows it
	readyTimeout = 60 * time.Second
)

// PostgresOptions says where and how a private server runs.
type PostgresOptions struct {
	// data folder, created and initialised if it is not there; "" is a temporary one, removed by Stop
	Dir string
	// root of another Debian, whose newest server runs there by chroot, which only root may; "" is this machine's own.
	// Dir lies below it.
	Root     string
	Port     int               // TCP port on 127.0.0.1; 0 is a free one
	Settings map[string]string // server settings, such as wal_level
	Log      io.Writer         // the server's log; nil keeps only the last lines, for errors
}

// Postgres is a running private server.
type Postgres struct {
	Port int
	Dir  string

	password  string
	root      string
	account   *syscall.Credential // nil: this process's own
	temporary bool
	child     *child
	admin     func() (*pgxpool.Pool, error)
}

// StartPostgres starts a private server and returns when it answers queries. As root it runs as the account postgres
// (or nobody), to which the data folder is given. A folder of an earlier server, also one that was killed, is
// continued.
func StartPostgres(ctx context.Context, o PostgresOptions) (*Postgres, error) {
	bin, err := postgresBin(o.Root)
	if err != nil {
		return nil, err
	}
	cred, err := unprivileged(o.Root)
	if err != nil {
		return nil, err
	}
	p := &Postgres{Dir: o.Dir, Port: o.Port, root: o.Root, account: cred}
	p.admin = sync.OnceValues(func() (*pgxpool.Pool, error) {
		return pgxpool.New(context.WithoutCancel(ctx), p.URL("postgres"))
	})
	if p.Dir == "" {
		if o.Root == "" {
			p.Dir, err = memoryDir("postgres")
		} else {
			p.Dir, err = tempDir(o.Root, "postgres")
		}
		if err != nil {
			return nil, err
		}
		p.temporary = true
	}
	if p.Dir, err = filepath.Abs(p.Dir); err != nil {
		return nil, err
	}
	if err := p.prepareCluster(ctx, bin); err != nil {
		return nil, err
	}
	if err := p.start(ctx, bin, o); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// start runs the server, again on another port when the free port was taken in between, and again while the last
// processes of a killed server still hold the folder.
func (p *Postgres) start(ctx context.Context, bin string, o PostgresOptions) error {
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
		args := []string{"-D", p.inside(p.Dir), "-c", "listen_addresses=127.0.0.1",
			"-c", "port=" + strconv.Itoa(p.Port), "-c", "unix_socket_directories="}
		for _, name := range slices.Sorted(maps.Keys(o.Settings)) {
			args = append(args, "-c", name+"="+o.Settings[name])
		}
		cmd := exec.Command(filepath.Join(bin, "postgres"), args...)
		cmd.Dir = "/" // not a folder that the account may be unable to enter
		cmd.SysProcAttr = p.asAccount()
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
	if dir != p.inside(p.Dir) {
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
	cmd.Dir, cmd.SysProcAttr = "/", p.asAccount()
	return cmd
}

// inside is what a path is called in the root where the server runs.
func (p *Postgres) inside(path string) string { return strings.TrimPrefix(path, p.root) }

// asAccount is how the server's programs run.
func (p *Postgres) asAccount() *syscall.SysProcAttr {
	attr := asAccount(p.account, p.Dir)
	attr.Chroot = p.root
	return attr
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

// exec executes in the database postgres, by sessions that stay: making and dropping databases is much of what tests
// do.
func (p *Postgres) exec(ctx context.Context, sql string, args ...any) error {
	pool, err := p.admin()
	if err != nil {
		return err
	}
	_, err = pool.Exec(ctx, sql, args...)
	return err
}

// Stop ends the server after a fast shutdown, or by force when that takes too long, and removes a temporary folder.
func (p *Postgres) Stop() {
	if pool, err := p.admin(); err == nil {
		pool.Close()
	}
	if p.child != nil {
		p.child.stop(20*time.Second, syscall.SIGINT, syscall.SIGQUIT)
	}
	if p.temporary {
		_ = os.RemoveAll(p.Dir) // what is left is removed by the next test binary
	}
}

// prepareCluster makes sure the folder holds an initialised cluster that belongs to the account, and learns its
// password. A cluster is built beside its place and renamed, so that an interrupted start leaves nothing half made.
func (p *Postgres) prepareCluster(ctx context.Context, bin string) error {
	if _, err := os.Stat(filepath.Join(p.Dir, "PG_VERSION")); err == nil {
		password, err := os.ReadFile(filepath.Join(p.Dir, passwordFile))
		if err != nil {
			return fmt.Errorf("read the password of the server in %s: %w", p.Dir, err)
		}
		p.password = string(password)
		return nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Remove(p.Dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s holds something that is no PostgreSQL cluster: choose another folder or empty it: %w",
			p.Dir, err)
	}
	fresh := p.Dir + ".new"
	if err := errors.Join(os.RemoveAll(fresh), os.MkdirAll(fresh, 0o700)); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	if err := p.Give(fresh); err != nil {
		return fmt.Errorf("give the data folder to the server's account: %w", err)
	}
	p.password = rand.Text()
	if err := p.initdb(ctx, bin, fresh); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(fresh, passwordFile), []byte(p.password), 0o600); err != nil {
		return err
	}
	// Whoever copies the folder as that account copies all of it.
	if err := p.Give(filepath.Join(fresh, passwordFile)); err != nil {
		return fmt.Errorf("give the password to the server's account: %w", err)
	}
	return os.Rename(fresh, p.Dir)
}

// ScramVerifier is what the server keeps of a password (RFC 5803, as PostgreSQL writes it), of one iteration where the
// server itself would take 4,096: every session of a test signs in, and the password is random.
func ScramVerifier(password string) (string, error) {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt)
	salted, err := pbkdf2.Key(sha256.New, password, salt, 1, sha256.Size)
	if err != nil {
		return "", err
	}
	mac := func(text string) []byte {
		h := hmac.New(sha256.New, salted)
		_, _ = h.Write([]byte(text))
		return h.Sum(nil)
	}
	stored := sha256.Sum256(mac("Client Key"))
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$1:%s$%s:%s", encode(salt), encode(stored[:]), encode(mac("Server Key"))), nil
}

// initdb fills the empty folder dir.
func (p *Postgres) initdb(ctx context.Context, bin, dir string) error {
	pwfile := dir + ".password" // initdb wants its folder empty
	verifier, err := ScramVerifier(p.password)
	if err != nil {
		return err
	}
	if err := os.WriteFile(pwfile, []byte(verifier+"\n"), 0o600); err != nil {
		return err
	}
	defer os.Remove(pwfile)
	if err := p.Give(pwfile); err != nil {
		return fmt.Errorf("give the password to the server's account: %w", err)
	}
	cmd := p.Command(ctx, filepath.Join(bin, "initdb"), "--pgdata", p.inside(dir), "--username", superuser,
		"--pwfile", p.inside(pwfile), "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync",
		"--no-instructions")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initialise a PostgreSQL cluster: %w: %s", err, out)
	}
	return nil
}
