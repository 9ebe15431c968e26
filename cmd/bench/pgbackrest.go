package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/wedsync/keepsake/internal/testenv"
)

// pgBackRest copies the files of the whole cluster, indexes too, with the WAL that makes them consistent. It is asked
// for what comes nearest to a backup of Keepsake's: zstd at level 1, encrypted, two processes, bundled small files. It
// has one directory where Keepsake has three, and backs up no less than the cluster, so nothing but the platform may be
// in it. The cluster has no page checksums, so it verifies none.

const archiveOff = "true" // the program that does nothing: WAL goes to the archive only while pgBackRest works

// archiving tells the server where finished WAL goes. It takes effect when the archiver looks again, within seconds:
// pgBackRest's own check waits for that.
func (b *bench) archiving(command string) error {
	return b.sql("postgres", "alter system set archive_command = '"+command+"'", "select pg_reload_conf()")
}

// backRest is what pgBackRest needs to know of this run.
type backRest struct {
	config string
	env    []string
}

// prepareBackRest makes an encrypted repository for pgBackRest.
func (b *bench) prepareBackRest() error {
	if _, err := exec.LookPath("pgbackrest"); err != nil {
		return errors.New("pgbackrest is missing: KEEPSAKE_SETUP=bench bash scripts/setup.sh installs it on Debian")
	}
	u, err := url.Parse(b.server.URL("postgres"))
	if err != nil {
		return fmt.Errorf("read the server's address: %w", err)
	}
	password, _ := u.User.Password()
	dir := filepath.Join(b.dir, "backrest")
	b.backRest = backRest{
		config: filepath.Join(dir, "pgbackrest.conf"),
		env:    []string{"PGHOST=" + u.Hostname(), "PGPASSWORD=" + password},
	}
	folders := map[string]string{"repo1-path": "repo", "lock-path": "lock", "spool-path": "spool"}
	text := fmt.Sprintf(`[bench]
pg1-path=%s
pg1-port=%s
pg1-user=%s

[global]
repo1-cipher-type=aes-256-cbc
repo1-cipher-pass=only-for-this-benchmark
repo1-bundle=y
repo1-retention-full=99
compress-type=zst
compress-level=1
process-max=2
start-fast=y
log-level-console=warn
log-level-file=off
`, b.server.Dir, u.Port(), u.User.Username())
	for name, folder := range folders {
		folder = filepath.Join(dir, folder)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		if err := b.server.Give(folder); err != nil {
			return err
		}
		text += name + "=" + folder + "\n"
	}
	if err := os.WriteFile(b.backRest.config, []byte(text), 0o600); err != nil {
		return err
	}
	if err := errors.Join(b.server.Give(dir), b.server.Give(b.backRest.config)); err != nil {
		return err
	}
	if out, err := b.pgBackRest("stanza-create").CombinedOutput(); err != nil {
		return fmt.Errorf("pgbackrest stanza-create: %w: %s", err, out)
	}
	return nil
}

// pgBackRest is a call of it, as the account that the server's files belong to.
func (b *bench) pgBackRest(args ...string) *exec.Cmd {
	args = append([]string{"--config=" + b.backRest.config, "--stanza=bench"}, args...)
	cmd := b.server.Command(b.ctx, "pgbackrest", args...)
	cmd.Env = append(os.Environ(), b.backRest.env...)
	return cmd
}

// backRestBackup measures a backup, of the type full or incr.
func (b *bench) backRestBackup(what, kind string) error {
	if err := b.archiving("pgbackrest --config=" + b.backRest.config + " --stanza=bench archive-push %p"); err != nil {
		return err
	}
	// What the measurements before it left goes to the archive first.
	if out, err := b.pgBackRest("check").CombinedOutput(); err != nil {
		return fmt.Errorf("pgbackrest check: %w: %s", err, out)
	}
	_, err := b.timedCommand(what, b.pgBackRest("--type="+kind, "backup"))
	if err != nil {
		return err
	}
	if b.stored[what], err = b.backRestBytes(); err != nil {
		return err
	}
	return b.archiving(archiveOff)
}

// backRestBytes returns what the newest backup has put into the repository, without WAL.
func (b *bench) backRestBytes() (int64, error) {
	out, err := b.pgBackRest("--output=json", "info").Output()
	if err != nil {
		return 0, fmt.Errorf("pgbackrest info: %w", err)
	}
	var stanzas []struct {
		Backup []struct {
			Info struct {
				Repository struct{ Delta int64 }
			}
		}
	}
	if err := json.Unmarshal(out, &stanzas); err != nil {
		return 0, fmt.Errorf("read what pgbackrest info says: %w", err)
	}
	if len(stanzas) != 1 || len(stanzas[0].Backup) == 0 {
		return 0, errors.New("pgbackrest info names no backup")
	}
	return stanzas[0].Backup[len(stanzas[0].Backup)-1].Info.Repository.Delta, nil
}

// backRestRestore measures a restore of the newest backup into a folder, and starting the server there until it
// answers.
func (b *bench) backRestRestore(i int) error {
	dir := filepath.Join(b.dir, fmt.Sprintf("restored%d", i))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if err := b.server.Give(dir); err != nil {
		return err
	}
	const what = "pgbackrest restore"
	restore := b.pgBackRest("--pg1-path="+dir, "--type=immediate", "--target-action=promote", "restore")
	_, err := b.timedCommand(what, restore)
	if err != nil {
		return err
	}
	started := time.Now()
	server, err := testenv.StartPostgres(b.ctx, testenv.PostgresOptions{
		Dir:      dir,
		Log:      &b.log,
		Settings: map[string]string{"shared_buffers": "512MB", "max_wal_size": "4GB", "wal_level": "logical"},
	})
	if err != nil {
		return fmt.Errorf("start what pgbackrest restored: %w", err)
	}
	took := time.Since(started)
	server.Stop()
	n := len(b.times[what]) - 1
	b.times[what][n] += took
	say("  %-22s %6.2f s, of which the server's start %.2f s", "", b.times[what][n].Seconds(), took.Seconds())
	return os.RemoveAll(dir)
}
