package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// asOwner does what only the owner of the console's tables can: it switches off triggers and row-level security, and
// writes.
func (w *world) asOwner(t *testing.T, sql string) {
	t.Helper()
	owner := w.env["KEEPSAKE_CONSOLE_OWNER_URL"]
	if owner == "" {
		owner = w.env["KEEPSAKE_CONSOLE_URL"]
	}
	execute(t, owner, `alter table audit_log disable trigger all, no force row level security; alter table audit_head
		disable trigger all, no force row level security; `+
		sql+`; alter table audit_log enable trigger all, force row level security; alter table audit_head enable trigger all,
			force row level security`)
}

// work runs a worker until the function is done.
func (w *world) work(t *testing.T, while func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"--config", w.config, "worker"}, environ(w.env),
			stdio{strings.NewReader(""), io.Discard, testenv.Log("a worker's log", nil)})
	}()
	while()
	stop()
	if code := <-ended; code != exitDone {
		t.Errorf("the worker ended with %d", code)
	}
}

// TestAuditVerify seals the trail by a worker, and then shows what the owner of the database cannot do unseen.
func TestAuditVerify(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting)
	w.must(t, exitDone, "init")
	w.withConsole(t)
	const password = "a long enough passphrase"
	for _, email := range []string{"ada@example.com", "ben@example.com", "cleo@example.com"} {
		if o := w.runWith(t, password+"\n", "admin", "create", "--email", email, "--password-stdin"); o.code != exitDone {
			t.Fatal(o.err)
		}
	}
	if o := w.must(t, exitDone, "audit", "verify"); !strings.Contains(o.out, "Not sealed yet") {
		t.Errorf("before a worker has run: %s", o.out)
	}
	var v console.AuditVerdict
	w.work(t, func() {
		for deadline := time.Now().Add(time.Minute); v.Sealed == nil; { // a round trip to the server instead of a sleep
			if v = document[console.AuditVerdict](t, w.must(t, exitDone, "audit", "verify", "--json")); time.Now().After(
				deadline) {
				t.Fatalf("the worker sealed nothing: %+v", v)
			}
		}
	})
	if o := w.must(t, exitDone, "audit", "verify"); !strings.Contains(o.out, "sealed up to row ") ||
		!strings.Contains(o.out, time.Now().UTC().Format(time.DateOnly)) {
		t.Errorf("intact: %s", o.out)
	}
	if v.Sealed.Row < 4 || !v.Intact || v.Seals != 1 {
		t.Fatalf("sealed: %+v", v)
	}
	w.asOwner(t, "update audit_log set actor_name = 'nobody' where id = 2")
	if o := w.must(t, exitDamage, "audit", "verify"); !strings.Contains(o.out, "Broken at row 2: row 2 was changed") {
		t.Errorf("a changed row: %s", o.out)
	}
	w.asOwner(t, "update audit_log set actor_name = 'command line' where id = 2")
	w.must(t, exitDone, "audit", "verify")
	// Somebody puts an entry behind the end, and the trail goes on all the same, in a section that vouches for itself and
	// never calls the trail intact again.
	w.asOwner(t, `insert into audit_log select (jsonb_populate_record(l, jsonb_build_object('id', id + 1, 'hash',
		sha256('x')))).* from audit_log l order by id desc limit 1`)
	if o := w.must(t, exitDamage, "audit", "verify"); !strings.Contains(o.out, "stands beyond the end of the trail") {
		t.Errorf("an entry behind the end: %s", o.out)
	}
	if o := w.must(t, exitDamage, "audit", "verify"); !strings.Contains(o.out, "a new section begins there") ||
		strings.Count(o.out, "follow each other") != 2 {
		t.Errorf("afterwards: %s", o.out)
	}
	w.asOwner(t, "delete from audit_log where id >= (select min(id) - 1 from audit_log where action = 'audit.section'); "+
		"update audit_head set (last_id, hash) = (select id, hash from audit_log order by id desc limit 1)")
	w.must(t, exitDone, "audit", "verify")
	// The trail is cut off so that it agrees with itself: only the seal notices.
	w.asOwner(t, "delete from audit_log where id > 2; update audit_head set last_id = 2, hash = (select hash from "+
		"audit_log where id = 2)")
	broken := document[console.AuditVerdict](t, w.must(t, exitDamage, "audit", "verify", "--json"))
	if broken.Intact || broken.Broken == 0 || !strings.Contains(broken.Problem, "sealed in the repository on") {
		t.Errorf("a trail that was cut off: %+v", broken)
	}
	if o := w.must(t, exitDamage, "audit", "verify"); !strings.Contains(o.out, "Broken at row ") {
		t.Errorf("in words: %s", o.out)
	}
}

// TestAuditAfterAConsoleWasMadeAnew: an older trail that was sealed is damage until a person says that it ended on
// purpose.
func TestAuditAfterAConsoleWasMadeAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting)
	w.must(t, exitDone, "init")
	for range 2 {
		w.withConsole(t)
		if o := w.runWith(t, "a long enough passphrase\n", "admin", "create",
			"--email", "ada@example.com", "--password-stdin"); o.code != exitDone {
			t.Fatal(o.err)
		}
		if o := w.run(t, "audit", "verify"); o.code == exitDamage {
			break
		}
		w.work(t, func() {
			for deadline := time.Now().Add(time.Minute); ; { // a round trip to the server instead of a sleep
				if v := document[console.AuditVerdict](t, w.must(t, exitDone, "audit", "verify", "--json")); v.Sealed != nil {
					return
				}
				if time.Now().After(deadline) {
					t.Fatal("the worker sealed nothing")
				}
			}
		})
	}
	if o := w.must(t, exitDamage, "audit", "verify"); !strings.Contains(o.out, "keepsake audit begin") {
		t.Errorf("before: %s", o.out)
	}
	if o := w.must(t, exitDone, "audit", "begin"); !strings.Contains(o.out, "On record: trail ") {
		t.Errorf("begin: %s", o.out)
	}
	if o := w.must(t, exitDone, "audit", "verify"); !strings.Contains(o.out, "An earlier trail") {
		t.Errorf("after: %s", o.out)
	}
}

func TestAuditExport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting)
	w.must(t, exitDone, "init")
	w.withConsole(t)
	if o := w.runWith(t, "a long enough passphrase\n", "admin", "create",
		"--email", "ada@example.com", "--password-stdin"); o.code != exitDone {
		t.Fatal(o.err)
	}
	today := time.Now().UTC().Format(time.DateOnly)
	lines := strings.Split(strings.TrimSpace(w.must(t, exitDone, "audit", "export",
		"--format", "jsonl", "--from", today).out), "\n")
	actions := []string{}
	for _, l := range lines {
		var row map[string]any
		if err := json.Unmarshal([]byte(l), &row); err != nil {
			t.Fatalf("%v: %s", err, l)
		}
		actions = append(actions, row["action"].(string))
	}
	if strings.Join(actions, " ") != "audit.export account.create" {
		t.Errorf("exported: %v", actions)
	}
	table, err := csv.NewReader(strings.NewReader(w.must(t, exitDone, "audit", "export", "--format", "csv").out)).ReadAll()
	if err != nil || len(table) != 4 || table[0][0] != "id" || table[3][12] != "account.create" ||
		table[3][13] != "ada@example.com" {
		t.Errorf("csv: %q, %v", table, err)
	}
	if o := w.must(t, exitDone, "audit", "export", "--format", "jsonl", "--to", "2020-01-01"); o.out != "" {
		t.Errorf("before anything happened: %s", o.out)
	}
	for _, args := range [][]string{{"--format", "xml"}, {}, {"--format", "csv", "--from", "yesterday"},
		{"--format", "csv", "--from", "2026-02-01", "--to", "2026-01-01"}, {"--format", "csv", "--json"}} {
		w.must(t, exitUsage, append([]string{"audit", "export"}, args...)...)
	}
}

// TestAlertsReachPeople: a worker tells a web hook of a failed sign-in, and prints the hook's token nowhere.
func TestAlertsReachPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting)
	w.must(t, exitDone, "init")
	w.withConsole(t)
	said := make(chan string, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		said <- string(body)
	}))
	defer hook.Close()
	const token = "hook-token-0123456789"
	w.secrets = append(w.secrets, token)
	w.env["HOOK"] = "generic://" + strings.TrimPrefix(hook.URL, "http://") + "/" + token + "?disabletls=yes"
	raw, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, w.config, string(raw)+"alerts: {urls: ['${HOOK}'], on: [security]}\n")
	w.must(t, exitDone, "audit", "verify") // makes the tables
	d, err := db.Open(t.Context(), keepsake.Secret(w.env["KEEPSAKE_CONSOLE_URL"]))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	w.work(t, func() {
		limit := time.After(time.Minute)
		for n := 0; ; n++ { // the place is known from the worker's first look on
			if _, _, err := auth.NewSessions(d, nil).SignIn(t.Context(),
				auth.Credentials{Email: "nobody@example.com", Password: "wrong"}); err == nil {
				t.Fatal("nobody signed in")
			}
			select {
			case m := <-said:
				if !strings.Contains(m, "session.start refused by nobody@example.com") {
					t.Errorf("said: %s", m)
				}
				return
			case <-limit:
				t.Fatal("nobody was told")
			default:
			}
		}
	})
}
