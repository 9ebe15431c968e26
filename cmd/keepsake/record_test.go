package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// said is an entry as audit export writes it.
type said struct {
	Action, Outcome, Target, Wedding, Point, Address string
	Actor                                            string
	Request                                          string `json:"request_id"`
	Agent                                            string `json:"user_agent"`
	Security                                         bool
	Milliseconds                                     int64 `json:"duration_ms"`
	Detail                                           map[string]any
}

func (s said) short() string { return s.Action + " " + s.Outcome }

// trail returns the audit trail, oldest first.
func (w *world) trail(t *testing.T) []said {
	t.Helper()
	var all []said
	in := json.NewDecoder(strings.NewReader(w.must(t, exitDone, "audit", "export", "--format", "jsonl").out))
	for {
		var s said
		if err := in.Decode(&s); err == io.EOF {
			slices.Reverse(all)
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
}

// TestTheCommandLineIsOnRecord: every attempt that changes something or shows somebody's rows, before it begins and
// when it has ended.
func TestTheCommandLineIsOnRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.withEmptyConsole(t)
	if o := w.must(t, exitDone, "init"); !strings.Contains(o.err,
		"Not in the audit trail: the console database is not set up") {
		t.Errorf("before there is a trail: %s", o.err)
	}
	w.must(t, exitDone, "repo", "rebuild") // sets it up
	seen := len(w.trail(t))
	// did runs a command and compares what it has left in the trail.
	did := func(code int, args []string, want ...string) (output, []said) {
		t.Helper()
		o := w.must(t, code, args...)
		all := w.trail(t)
		fresh := all[seen:]
		if fresh = slices.DeleteFunc(slices.Clone(fresh), func(s said) bool { return s.Action == "audit.export" }); o.err !=
			"" && strings.Contains(o.err, "audit trail") {
			t.Errorf("keepsake %v: %s", args, o.err)
		}
		seen = len(all)
		var got []string
		for _, s := range fresh {
			got = append(got, s.short())
		}
		if !slices.Equal(got, want) {
			t.Errorf("keepsake %v is on record as %q, want %q", args, got, want)
			return o, make([]said, 2)
		}
		for _, s := range fresh {
			if host, _ := os.Hostname(); s.Address != host || s.Actor != "command line" ||
				!strings.Contains(s.Agent, "run by ") || s.Request == "" || s.Request != fresh[0].Request {
				t.Errorf("keepsake %v: who and from where: %+v", args, s)
			}
		}
		return o, fresh
	}

	o, entries := did(exitDone, []string{"backup", "--wedding", "7", "--milestone", "final_payment", "--json"},
		"backup.start allowed", "backup.end allowed")
	point := document[report](t, o).Point
	if entries[0].Wedding != "7" || entries[1].Point != point || entries[1].Milliseconds <= 0 ||
		entries[1].Detail["protected"] != true {
		t.Errorf("a backup: %+v", entries)
	}
	did(exitFailed, []string{"backup", "--wedding", "100000", "--quiet"}, "backup.start allowed", "backup.end refused")
	did(exitDone, []string{"verify", "--deep"}, "verify.start allowed", "verify.end allowed")
	did(exitDone, []string{"repair", "--all"}, "repair.start allowed", "repair.end allowed")
	_, entries = did(exitDone, []string{"mark", point, "--note", "before the move", "--lock"},
		"point.save allowed", "point.save allowed")
	if entries[0].Point != point || entries[0].Detail["note"] != "before the move" {
		t.Errorf("a mark: %+v", entries)
	}
	_, entries = did(exitDone, []string{"mark", "latest", "--note", "", "--unlock"},
		"point.save allowed", "point.save allowed")
	before, _ := entries[1].Detail["before"].(map[string]any)
	after, _ := entries[1].Detail["after"].(map[string]any)
	if entries[1].Point != point || before["note"] != "before the move" || before["locked"] != true ||
		after["note"] != "" || after["locked"] != false {
		t.Errorf("what a mark was and is: %+v", entries[1])
	}
	did(exitDone, []string{"points"})
	did(exitDone, []string{"scope", "undos"})
	did(exitUsage, []string{"restore"}) // was never begun
	_, entries = did(exitDone, []string{"restore", "latest", "--create", "--target", beside(t, w.platform, "copy")},
		"restore.start allowed", "restore.end allowed")
	if entries[1].Point != point || entries[1].Detail["verified"] != true ||
		!strings.HasSuffix(fmt.Sprint(entries[0].Detail["database"]), "_copy") {
		t.Errorf("a restore: %+v", entries)
	}

	execute(t, w.platform, "delete from clients where wedding_id = 7 and id % 400 < 200")
	o, entries = did(exitDone, []string{"scope", "preview", point, "--wedding", "7", "--json"},
		"scope.preview allowed", "scope.preview allowed")
	if entries[0].Wedding != "7" || entries[0].Point != point {
		t.Errorf("a preview: %+v", entries)
	}
	p := document[struct{ Fingerprint, Name string }](t, o)
	apply := []string{"scope", "apply", point, "--wedding", "7", "--fingerprint", p.Fingerprint, "--json", "--confirm"}
	did(exitUsage, append(apply, "Somebody"), "scope.restore allowed", "scoped.end refused")
	o, entries = did(exitDone, append(apply, p.Name), "scope.restore allowed", "scoped.end allowed")
	restore := document[struct{ Restore string }](t, o).Restore
	if entries[1].Wedding != "7" || entries[1].Detail["restore"] != restore {
		t.Errorf("a scoped restore: %+v", entries)
	}
	did(exitDone, []string{"scope", "undo", restore}, "scope.undo allowed", "scoped.end allowed")
	did(exitDone, []string{"scope", "export", point, "--wedding", "7", "--format", "contacts"},
		"scope.export allowed", "scope.export allowed")
	did(exitFailed, []string{"scope", "export", point, "--wedding", "100000", "--format", "contacts"},
		"scope.export allowed", "scope.export refused")
	flip(t, w.chunks(t, "second")[0])
	if _, entries = did(exitDamage, []string{"verify", "--deep"}, "verify.start allowed",
		"verify.end allowed"); entries[1].Detail["fell_short"] != true {
		t.Errorf("a verification that found damage: %+v", entries)
	}
	if _, entries = did(exitDone, []string{"repair", "--deep"}, "repair.start allowed",
		"repair.end allowed"); entries[1].Detail["fell_short"] != nil {
		t.Errorf("a repair that left nothing: %+v", entries)
	}
	did(exitDone, []string{"init"}, "key.repository allowed", "key.repository allowed")
	if _, entries = did(exitDone, []string{"repo", "writer-key"}, "key.writer allowed",
		"key.writer allowed"); !entries[0].Security || entries[0].Detail["begun"] != true ||
		entries[1].Detail["begun"] != nil {
		t.Errorf("that the key of writers was printed: %+v", entries)
	}
	if o := w.must(t, exitDone, "audit", "verify"); !strings.Contains(o.out, "Intact") {
		t.Errorf("%s", o.out)
	}
}

// TestAnInterruptedCommandIsOnRecord stops a backup in the middle.
func TestAnInterruptedCommandIsOnRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.withConsole(t)
	w.must(t, exitDone, "init")
	w.must(t, exitDone, "repo", "rebuild")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	_, ended := w.heldBackup(ctx, t)
	stop()
	if o := <-ended; o.code != exitFailed || !strings.Contains(o.err, "stopped before it was done") {
		t.Errorf("interrupted: %+v", o)
	}
	all := w.trail(t)
	last := all[len(all)-1]
	if last.short() == "audit.export allowed" {
		last = all[len(all)-2]
	}
	if last.short() != "backup.end failed" || last.Detail["code"] != string(keepsake.CodeCancelled) {
		t.Errorf("%+v", last)
	}
}

// TestAConsoleThatStartsWithOtherSettingsIsOnRecord: who weakens them in keepsake.yaml is in the trail, with what they
// were, and without a secret.
func TestAConsoleThatStartsWithOtherSettingsIsOnRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting)
	w.withConsole(t)
	w.must(t, exitDone, "init")
	text, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range []string{"server: {second_approver: true}\nlimits: {full: 2}\n",
		"server: {second_approver: true}\nlimits: {full: 2}\nworkers: 3\n", "limits: {full: 50}\n"} {
		w.write(t, w.config, string(text)+more)
		_, stop := w.serve(t)
		stop()
	}
	all := slices.DeleteFunc(w.trail(t), func(s said) bool { return s.Action != "settings.change" })
	if len(all) != 2 || !all[1].Security || all[1].Actor != "command line" || !strings.Contains(all[1].Agent, "run by ") {
		t.Fatalf("%+v", all)
	}
	if got := fmt.Sprint(all[1].Detail["before"], all[1].Detail["after"]); got != "map[limits.full:2 "+
		"server.second_approver:true] map[limits.full:50]" {
		t.Errorf("what changed: %s", got)
	}
	first := fmt.Sprint(all[0].Detail)
	for _, secret := range w.secrets {
		if strings.Contains(first, secret) || !strings.Contains(first, "providers[2].offsite:true") {
			t.Errorf("the settings at the first start: %s", first)
		}
	}
}

// TestATrailThatComesBackHasTheEnd of a command whose beginning it lacks.
func TestATrailThatComesBackHasTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.withEmptyConsole(t)
	w.must(t, exitDone, "init")
	holder, ended := w.heldBackup(t.Context(), t)
	w.must(t, exitDone, "repo", "rebuild") // sets the trail up
	if _, err := holder.Exec(t.Context(), "rollback"); err != nil {
		t.Fatal(err)
	}
	if o := <-ended; o.code != exitDone || !strings.Contains(o.err,
		"Not in the audit trail: the console database is not set up") {
		t.Errorf("%+v", o)
	}
	all := slices.DeleteFunc(w.trail(t), func(s said) bool { return !strings.HasPrefix(s.Action, "backup.") })
	if len(all) != 1 || all[0].short() != "backup.end allowed" || all[0].Detail["beginning"] == nil ||
		all[0].Milliseconds <= 0 {
		t.Errorf("%+v", all)
	}
}

// heldBackup begins a backup that waits for a table until the transaction of holder has ended.
func (w *world) heldBackup(ctx context.Context, t *testing.T) (holder *pgx.Conn, ended chan output) {
	t.Helper()
	holder = connect(t, w.platform)
	if _, err := holder.Exec(t.Context(), "begin; lock table clients in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	ended = make(chan output, 1)
	go func() { ended <- program(ctx, w.env, "", "--config", w.config, "backup") }()
	for waits := false; !waits && len(ended) == 0; {
		waits = query[bool](t, w.platform, "select exists (select from pg_locks where relation = 'clients'::regclass and "+
			"not granted) from pg_sleep(0.01)")
	}
	return holder, ended
}

// TestATrailThatIsAwayStopsNobody: standard error says so, and standard output is what it always is.
func TestATrailThatIsAwayStopsNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	w.env["KEEPSAKE_CONSOLE_URL"] = "postgres://keepsake:not-a-secret@127.0.0.1:1/keepsake"
	o := w.must(t, exitDone, "backup", "--json")
	if r := document[report](t, o); !r.Protected ||
		strings.Count(o.err, "Not in the audit trail: Keepsake's own database does not answer.") != 1 {
		t.Errorf("%+v", o)
	}
	w.must(t, exitDone, "restore", "latest", "--create", "--target", beside(t, w.platform, "copy"))
}
