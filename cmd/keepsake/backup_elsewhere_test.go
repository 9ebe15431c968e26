package main

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// listed returns the backups of the console's list, oldest first: how each ended, its type and who it is said to be of.
func (w *world) listed(t *testing.T) (list []string) {
	t.Helper()
	d, err := db.Open(t.Context(), keepsake.Secret(w.env["KEEPSAKE_CONSOLE_URL"]))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	err = d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
		rows, err := tx.PG.Query(t.Context(), `select o.state, o.backup_type, o.note, o.requested_name, o.point_id <> '',
			p.id is not null
			from backup_operations o left join recovery_points p on p.operation_id = o.id order by o.id`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var state, kind, note, who string
			var made, known bool
			if err := rows.Scan(&state, &kind, &note, &who, &made, &known); err != nil {
				return err
			}
			list = append(list, fmt.Sprintf("%s %s %q of %s, point %v, known %v", state, kind, note, who, made, known))
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestCommandLineBackupsAreListed: the list of operations has the backups that the command line took, whether they made
// a recovery point or failed, and those of machines that know no console.
func TestCommandLineBackupsAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, heavy...)
	w.must(t, exitDone, "init")
	w.must(t, exitDone, "backup", "--note", "of another machine")
	w.withConsole(t)
	w.must(t, exitDone, "audit", "verify") // makes the tables
	w.must(t, exitDone, "backup", "--note", "of this one")
	platform := w.env["PLATFORM"]
	w.env["PLATFORM"] = beside(t, w.platform, "never_made")
	w.must(t, exitFailed, "backup", "--note", "of a platform that is not there")
	w.env["PLATFORM"] = platform
	stopped := w.start(t, "backup", "--note", "that was stopped")
	stopped.await(t, "Snapshot of")
	stopped.signal(t, syscall.SIGINT)
	host := w.listed(t)
	// Its recovery point is known with it: the overview must not call the one before it the newest.
	if known := `done incremental "of this one" of the command line of ` + hostname(t) +
		`, point true, known true`; len(host) == 0 || host[0] != known {
		t.Errorf("before anybody looked: want %s first in %q", known, host)
	}
	if len(host) != 3 {
		t.Fatalf("%d backups are listed: %q", len(host), host)
	}
	w.must(t, exitDone, "repo", "rebuild") // as a worker does every few minutes
	got := w.listed(t)
	for i, want := range []string{
		`done full "of another machine" of elsewhere, point true, known true`,
		`done incremental "of this one" of the command line of ` + hostname(t) + `, point true, known true`,
		`failed incremental "of a platform that is not there" of the command line of ` + hostname(t) +
			`, point false, known false`,
		`cancelled incremental "that was stopped" of the command line of ` + hostname(t) + `, point false, known false`,
	} {
		if i >= len(got) || got[i] != want {
			t.Errorf("backup %d: want %s in %q", i, want, got)
		}
	}
	w.must(t, exitDone, "repo", "rebuild")
	if again := w.listed(t); len(again) != len(got) {
		t.Errorf("a second look lists more: %q", again)
	}
}

func hostname(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return name
}
