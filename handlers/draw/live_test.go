package draw

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views/ui"
)

var start = time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)

func at(seconds int, done int64) engine.Progress {
	return engine.Progress{
		Stage:      engine.StageReading,
		StartedAt:  start,
		UpdatedAt:  start.Add(time.Duration(seconds) * time.Second),
		BytesDone:  done,
		BytesTotal: 1000 << 20,
		Tables: []engine.TableProgress{{
			Schema:     "s",
			Name:       "t",
			Tier:       "high",
			State:      engine.ItemRunning,
			BytesDone:  done,
			BytesTotal: 1000 << 20,
		}},
	}
}

func TestPaceTellsTheSpeedOfTheLastSeconds(t *testing.T) {
	t.Parallel()
	p := &Pace{}
	p.add(at(10, 100<<20))
	if b, _ := p.speed(at(10, 100<<20)); b != 10<<20 {
		t.Errorf("with one state: %v bytes/s, want the average since the start", b)
	}
	for s := 11; s <= 60; s++ {
		p.add(at(s, 100<<20))
		p.add(at(s, 900<<20)) // the same moment again: ignored
	}
	if b, _ := p.speed(at(60, 100<<20)); b != 0 {
		t.Errorf("stalled for 50 s: %v bytes/s", b)
	}
	p.add(at(61, 110<<20))
	if got := p.tableSpeed(at(61, 0).Tables[0]); got < 0.8*(1<<20) || got > 1.2*(1<<20) {
		t.Errorf("10 MiB in the last ten seconds: %v bytes/s", got)
	}
	if len(p.samples) > 15 {
		t.Errorf("%d states are kept", len(p.samples))
	}
}

func TestLiveShowsTheInterestingTablesOfThousands(t *testing.T) {
	t.Parallel()
	p := at(10, 1)
	p.Tables = nil
	for i := range 3000 {
		p.Tables = append(p.Tables, engine.TableProgress{
			Schema:   "public",
			Name:     fmt.Sprintf("t%d", i),
			Tier:     "standard",
			State:    engine.ItemDone,
			RowsDone: 1,
		})
	}
	p.Tables[2999].State = engine.ItemFailed
	live := buildLive(console.KindBackup, &p, ui.ToneRun, &Pace{})
	tier := live.Tiers[0]
	if len(tier.Tables) != mostTables || tier.Tables[0].Name != "t2999" || tier.More != "and 2,960 more tables" ||
		!tier.Open || tier.Bar.Tone != ui.ToneBad {
		t.Errorf("%d tables, first %q, %q, open %v, %s",
			len(tier.Tables), tier.Tables[0].Name, tier.More, tier.Open, tier.Bar.Tone)
	}
}

func TestLiveOfEachEnd(t *testing.T) {
	t.Parallel()
	p := at(10, 400<<20)
	p.Providers = []engine.ProviderProgress{{Name: "a", State: engine.ItemRunning}}
	for state, want := range map[console.State]struct {
		chip string
		tone ui.Tone
		step string
	}{
		console.StateRunning:   {"Running", ui.ToneRun, "now"},
		console.StateFailed:    {"Failed", ui.ToneBad, "failed"},
		console.StateCancelled: {"Cancelled", ui.ToneMute, "failed"},
	} {
		o := console.Operation{Kind: console.KindBackup, State: state, Progress: &p}
		live := Live(o, &Pace{})
		if got := OperationState(o); got.Text != want.chip || live.Tone != want.tone || live.Steps[2].State != want.step {
			t.Errorf("%s: %q, %s, %+v", state, got.Text, live.Tone, live.Steps)
		}
		if state != console.StateRunning && (live.Sub != "" || live.Providers[0].State.Text != "Not finished") {
			t.Errorf("%s still looks alive: %q, %+v", state, live.Sub, live.Providers)
		}
	}
	interrupted := Live(console.Operation{Kind: console.KindBackup, State: console.StateInterrupted, Progress: &p},
		&Pace{})
	if !strings.Contains(interrupted.Sub, "starts it again by itself") {
		t.Errorf("interrupted: %q", interrupted.Sub)
	}
	claimed := Live(console.Operation{Kind: console.KindBackup, State: console.StateRunning}, &Pace{})
	if claimed.Headline != "Starting" {
		t.Errorf("a worker has it, and the page says %q", claimed.Headline)
	}
	for takeOver, want := range map[time.Duration]string{
		5 * time.Second: "8 s ago. Unless it comes back, another worker takes over in at most 6 s.", 0: "see that one runs"} {
		silent := console.Operation{
			Kind:     console.KindBackup,
			State:    console.StateRunning,
			Progress: &p,
			Silence:  console.Silence{For: 8 * time.Second, TakeOver: takeOver},
		}
		live := Live(silent, &Pace{})
		if live.Headline != "Its worker stopped answering" || !strings.Contains(live.Sub, want) || live.Tone != ui.ToneWarn ||
			OperationState(silent).Text != "Worker silent" {
			t.Errorf("a silent worker: %q, %q", live.Headline, live.Sub)
		}
	}
	if queued := Live(console.Operation{State: console.StateQueued}, &Pace{}); queued.Known || queued.Bar.Known {
		t.Error("a queued operation claims to know how far it is")
	}
}

func TestARestoreShowsProvidersOnlyWhereTheyMatter(t *testing.T) {
	t.Parallel()
	p := at(10, 1)
	p.Providers = []engine.ProviderProgress{{Name: "quiet", State: engine.ItemRunning},
		{Name: "bad", State: engine.ItemFailed, Error: "a flipped bit"}}
	live := buildLive(console.KindRestore, &p, ui.ToneRun, &Pace{})
	if live.Figures[0].Hint != "of 15 min promised for the critical tables" {
		t.Errorf("the clock says %+v", live.Figures[0])
	}
	if len(live.Providers) != 1 || live.Providers[0].Name != "bad" {
		t.Errorf("providers %+v", live.Providers)
	}
}

func TestGreenMeansProven(t *testing.T) {
	t.Parallel()
	done := console.Operation{State: console.StateDone}
	for name, tt := range map[string]struct {
		change func(*console.Operation)
		tone   ui.Tone
	}{
		"protected": {func(o *console.Operation) {
			o.Kind, o.Protected = console.KindBackup, true
			o.Backup = &engine.BackupResult{Protected: true}
		}, ui.ToneOK},
		"unprotected": {func(o *console.Operation) { o.Kind = console.KindBackup; o.Backup = &engine.BackupResult{} },
			ui.ToneWarn},
		"verified": {func(o *console.Operation) {
			o.Kind, o.OK = console.KindVerify, true
			o.Verify = &engine.VerifyResult{OK: true}
		}, ui.ToneOK},
		"unreachable": {func(o *console.Operation) {
			o.Kind = console.KindVerify
			o.Verify = &engine.VerifyResult{Findings: []engine.VerifyFinding{{}}}
		}, ui.ToneWarn},
		"damaged": {func(o *console.Operation) {
			o.Kind = console.KindVerify
			o.Verify = &engine.VerifyResult{Findings: []engine.VerifyFinding{{Damage: true}}}
		}, ui.ToneBad},
		"restored": {func(o *console.Operation) {
			o.Kind, o.OK = console.KindRestore, true
			o.Restore = &engine.RestoreResult{Verified: true}
		}, ui.ToneOK},
		"not compared": {func(o *console.Operation) { o.Kind = console.KindRestore; o.Restore = &engine.RestoreResult{} },
			ui.ToneBad},
	} {
		o := done
		tt.change(&o)
		if chip, result := OperationState(o), result(o); chip.Tone != tt.tone || result.Tone != tt.tone {
			t.Errorf("%s: state %s, report %s, want %s", name, chip.Tone, result.Tone, tt.tone)
		}
	}
}

func TestPointStateTrustsTestsFirst(t *testing.T) {
	t.Parallel()
	p := console.Point{Point: engine.Point{Protected: true}}
	if pointState(p).Tone != ui.ToneOK {
		t.Error("a protected point is not green")
	}
	p.LastTest = &console.PointTest{OK: false}
	if pointState(p).Tone != ui.ToneBad {
		t.Error("a point whose test failed looks safe")
	}
}

// TestAnIncompleteTestIsNoFailedOne: it says who was asked and who did not answer, and takes nothing from the point.
func TestAnIncompleteTestIsNoFailedOne(t *testing.T) {
	t.Parallel()
	test := console.PointTest{
		Kind:      "deep_verify",
		Operation: "o",
		Seconds:   3,
		Asked:     []string{"local", "offsite"},
		Away:      []string{"minio"},
	}
	d := console.PointDetail{Point: console.Point{Point: engine.Point{Protected: true}}, Tests: []console.PointTest{test}}
	const words = "Checked at local and offsite; minio did not answer"
	notices := pointNotices(d, format.Clock{})
	if len(notices) != 1 || notices[0].Tone != ui.ToneWarn || !strings.HasPrefix(notices[0].Text, words+".") {
		t.Errorf("notices: %+v", notices)
	}
	row := pointTests(d.Tests, format.Clock{})[0]
	if row.State.Tone != ui.ToneWarn || row.State.Text != "Incomplete" || !strings.Contains(row.Text, words) {
		t.Errorf("test: %+v", row)
	}
	d.Point.LastTest = &test
	if pointState(d.Point).Tone != ui.ToneOK {
		t.Errorf("state: %+v", pointState(d.Point))
	}
	test.Findings = 1 // something else is wrong as well
	if pointState(d.Point).Tone != ui.ToneBad || pointTests([]console.PointTest{test}, format.Clock{})[0].State.Text !=
		"1 problem" {
		t.Errorf("a test that found something: %+v", pointState(d.Point))
	}
}

func TestLegsNameWhatFillsThem(t *testing.T) {
	t.Parallel()
	copies := []keepsake.Copy{{Provider: "a", Medium: "disk", Confirmed: true}, {Provider: "b", Medium: "disk"},
		{Provider: "c", Medium: "gcs", Offsite: true}}
	d := console.Dashboard{
		Newest:     &console.Point{Point: engine.Point{Copies: copies}},
		Protection: keepsake.JudgeProtection(copies),
	}
	three := legs(d)
	if three[0].State != "1 of 3 confirmed" || three[1].State != "1 of 2 in use" || three[2].State != "0 of 1 confirmed" {
		t.Errorf("legs %+v", three)
	}
	if fmt.Sprint(three[1].Pips) != fmt.Sprint(
		[]ui.Chip{{Tone: ui.ToneOK, Text: "disk"}, {Tone: ui.ToneBad, Text: "gcs"}}) {
		t.Errorf("media %+v", three[1].Pips)
	}
	empty := legs(console.Dashboard{Providers: []console.ProviderState{{Name: "a"}}})
	if len(empty[0].Pips) != 1 || empty[0].Tone != ui.ToneBad {
		t.Errorf("without a point: %+v", empty[0])
	}
}

// TestRepairSaysWhatItDoes: its stages are of its own, and none speaks of rows or of a recovery point that is made.
func TestRepairSaysWhatItDoes(t *testing.T) {
	t.Parallel()
	for stage, want := range map[engine.Stage]string{engine.StageChecking: "Asking each provider what it holds",
		engine.StageComparing: "Looking for copies that are missing or damaged",
		engine.StageRepairing: "Copying to each provider what it lacks"} {
		p := engine.Progress{Stage: stage, StartedAt: time.Now()}
		live := buildLive(console.KindRepair, &p, ui.ToneRun, &Pace{})
		if live.Headline != want || len(live.Steps) != 3 {
			t.Errorf("%s: the page says %q with %d steps, want %q", stage, live.Headline, len(live.Steps), want)
		}
	}
}

// TestLivePageSaysWhoIsWaitedFor: once the rows are read, and while a provider does not answer.
func TestLivePageSaysWhoIsWaitedFor(t *testing.T) {
	t.Parallel()
	hangs := engine.ProviderProgress{Name: "cloud", State: engine.ItemRunning, Silent: 12}
	for name, c := range map[string]struct {
		stage     engine.Stage
		providers []engine.ProviderProgress
		want      string
	}{
		"two have it": {engine.StagePublishing, []engine.ProviderProgress{{Name: "local", State: engine.ItemDone},
			{Name: "offsite", State: engine.ItemDone}, hangs},
			"The recovery point is at local and offsite. Waiting for cloud, which has not answered for 12 s."},
		"one is slow, one hangs": {engine.StageCatchingUp,
			[]engine.ProviderProgress{{Name: "local", State: engine.ItemRunning}, hangs},
			"Waiting for local and cloud, which has not answered for 12 s."},
		"it hangs while rows are read": {engine.StageReading,
			[]engine.ProviderProgress{{Name: "local", State: engine.ItemRunning}, hangs},
			"Waiting for cloud, which has not answered for 12 s."},
		"it was given up": {engine.StagePublishing, []engine.ProviderProgress{{Name: "local", State: engine.ItemDone},
			{Name: "cloud", State: engine.ItemFailed}}, ""},
	} {
		p := engine.Progress{Stage: c.stage, StartedAt: time.Now(), BytesDone: 10, BytesTotal: 10, Providers: c.providers}
		live := buildLive(console.KindBackup, &p, ui.ToneRun, &Pace{})
		if live.Sub != c.want {
			t.Errorf("%s: the page says %q, want %q", name, live.Sub, c.want)
		}
		if live.Percent == "100 %" && c.stage != engine.StageReading {
			t.Errorf("%s: the page says that all is done", name)
		}
	}
}
