package console_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// fakeVault seals with what nobody in the database knows.
type fakeVault struct{ key string }

func (v fakeVault) Seal(_ context.Context, name string, plain []byte) ([]byte, error) {
	return append([]byte(v.key+name), plain...), nil
}

func (v fakeVault) Open(_ context.Context, name string, sealed []byte) ([]byte, error) {
	plain, ours := bytes.CutPrefix(sealed, []byte(v.key+name))
	if !ours {
		return nil, keepsake.Errorf(keepsake.CodeDamaged, "this was not sealed here")
	}
	return plain, nil
}

// newAttackedWorld is one whose database may put on record what somebody does with the working role.
func newAttackedWorld(t *testing.T) *world {
	t.Helper()
	url := dbtest.Tables(t)
	testenv.DSN(url.Reveal())
	return &world{t: t, db: dbtest.Open(t, url), url: url}
}

// asRole writes as the console's working role, which can say that it is the system.
func (w *world) asRole(sql string, args ...any) {
	w.t.Helper()
	err := w.db.InTx(w.t.Context(), keepsake.System("attacker"), func(tx db.Tx) error {
		_, err := tx.PG.Exec(w.t.Context(), sql, args...)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestAForgedVerdictIsNobodysWord: what was not sealed with the repository's key, and what was sealed before the trail
// was found broken, neither makes the page say that the trail is intact, nor keeps it from being read and sealed.
func TestAForgedVerdictIsNobodysWord(t *testing.T) {
	t.Parallel()
	forged := fmt.Sprintf(
		`{"rows": 9999, "intact": true, "broken": 0, "problem": "", "trail": "", "seals": 1, "sealed": null, "checked": %q}`,
		time.Now().Add(72*time.Hour).Format(time.RFC3339))
	for name, value := range map[string]string{"garbage": `"x"`, "in the clear": forged, "with the mark": "sealed " +
		forged, "by another key": "sealed other" + "audit_verdict" + forged, "nothing": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newAttackedWorld(t)
			now := time.Now()
			notes := &fakeNotes{now: func() time.Time { return now }}
			fresh := func() *console.Console {
				return w.console(newFakeEngine(), func(d *console.Deps) {
					d.Notes, d.Vault, d.Now = notes, fakeVault{"ours"}, func() time.Time { return now }
				})
			}
			c := fresh()
			for range 3 {
				if err := audit.RecordRefused(t.Context(), w.db, admin, audit.Entry{Action: "session.start"}); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.SealAudit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if page, err := fresh().ListAudit(t.Context(), admin, audit.Filter{}); err != nil || page.Verdict == nil ||
				!page.Verdict.Intact || page.Verdict.Rows != 3 {
				t.Fatalf("%+v, %v", page.Verdict, err)
			}
			w.tamper("update audit_log set target = 'x' where id = 2")
			w.asRole("update settings set value = $1 where name = 'audit_verdict'", []byte(value))
			for _, c := range []*console.Console{c, fresh()} {
				if page, err := c.ListAudit(t.Context(), admin, audit.Filter{}); err != nil || page.Verdict != nil {
					t.Fatalf("%+v, %v", page.Verdict, err)
				}
			}
			seals := len(notes.list)
			if err := c.SealAudit(t.Context()); err != nil || len(notes.list) != seals+1 {
				t.Fatalf("%d seals, %v", len(notes.list), err)
			}
			facts, err := fresh().Compliance(t.Context(), admin)
			if err != nil || facts.Audit == nil || facts.Audit.Intact || facts.Audit.Broken != 2 {
				t.Errorf("%+v, %v", facts.Audit, err)
			}
		})
	}
}

// TestAnOlderVerdictDoesNotComeBack once the trail says that it was found broken.
func TestAnOlderVerdictDoesNotComeBack(t *testing.T) {
	t.Parallel()
	w := newAttackedWorld(t)
	notes := &fakeNotes{now: time.Now}
	c := w.console(newFakeEngine(), func(d *console.Deps) { d.Notes, d.Vault = notes, fakeVault{"ours"} })
	for range 3 {
		if err := audit.RecordRefused(t.Context(), w.db, admin, audit.Entry{Action: "session.start"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.SealAudit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.asRole("create temp table kept on commit preserve rows as select value from settings where name = " +
		"'audit_verdict'; insert into settings (name, value) select 'kept', value from kept; drop table kept")
	w.tamper("update audit_log set target = 'x' where id = 2")
	if v, err := c.VerifyAudit(t.Context(), admin); err != nil || v.Intact {
		t.Fatalf("%+v, %v", v, err)
	}
	w.asRole("update settings s set value = k.value from settings k where s.name = 'audit_verdict' and k.name = 'kept'")
	if page, err := c.ListAudit(t.Context(), admin, audit.Filter{}); err != nil || page.Verdict != nil {
		t.Errorf("%+v, %v", page.Verdict, err)
	}
}

// TestMilestonesGoOnWhateverTheyWereToldOfTheDay: what is no day, or is yet to come, stops no recovery point.
func TestMilestonesGoOnWhateverTheyWereToldOfTheDay(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"garbage", "2999-01-01", ""} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			w, e := newAttackedWorld(t), newFakeEngine()
			now := time.Date(2030, 5, 1, 10, 0, 0, 0, time.UTC)
			c := w.console(e, func(d *console.Deps) { d.Now = func() time.Time { return now } })
			if err := c.WatchMilestones(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.asRole("update settings set value = $1 where name = 'milestones_seen'", []byte(value))
			if n := w.count("select count(*) from audit_log where action = 'database.write' and target = " +
				"'settings' and security"); n != 1 {
				t.Errorf("%d entries say that somebody wrote it", n)
			}
			e.shift = 1
			now = now.AddDate(0, 0, 1)
			if err := c.WatchMilestones(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := w.count("select count(*) from backup_operations where kind = 'backup' and weddings::text like '%w1%'"); n !=
				1 {
				t.Errorf("%d recovery points of the milestone, want one", n)
			}
		})
	}
}
