package api

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestStatusNamesTheWeddingsThatARestoreTouches: only a restore into the live platform touches any, and of its scope
// alone.
func TestStatusNamesTheWeddingsThatARestoreTouches(t *testing.T) {
	t.Parallel()
	weddings := []console.Wedding{{Wedding: engine.Wedding{ID: "1", OrganizationID: "a"}},
		{Wedding: engine.Wedding{ID: "2", OrganizationID: "b"}}, {Wedding: engine.Wedding{ID: "3", OrganizationID: "b"}}}
	restore := func(kind console.Kind, f keepsake.ScopeFields) console.Operation {
		in := console.ScopedInput{Scope: keepsake.MustScope(f.Scope())}
		return console.Operation{Kind: kind, Asked: &console.RestoreAsked{ScopedInput: in}}
	}
	for want, running := range map[string][]console.Operation{
		"": {{Kind: console.KindBackup}, restore(console.KindRestore, keepsake.ScopeFields{WeddingID: "1"}),
			restore(console.KindScoped, keepsake.ScopeFields{WeddingID: "9"})},
		"2": {restore(console.KindScoped, keepsake.ScopeFields{WeddingID: "2"}), {Kind: console.KindBackup}},
		"23": {restore(console.KindScoped, keepsake.ScopeFields{OrganizationID: "b"}),
			restore(console.KindScoped, keepsake.ScopeFields{WeddingID: "2"})},
		"123": {restore(console.KindScoped, keepsake.ScopeFields{Tiers: []keepsake.Tier{keepsake.TierCritical}})},
	} {
		got := ""
		for _, w := range touched(console.Dashboard{Weddings: weddings, Running: running}) {
			got += w.ID
		}
		if got != want {
			t.Errorf("%+v touch %q, want %q", running, got, want)
		}
	}
}

// TestPerformanceTellsWhatWasMeasuredOnly leaves out what never was.
func TestPerformanceTellsWhatWasMeasuredOnly(t *testing.T) {
	t.Parallel()
	if p := performanceOf(nil, console.Performance{}); p != (Performance{}) {
		t.Errorf("of nothing: %+v", p)
	}
	point := &console.Point{Point: engine.Point{Seconds: 2, BytesRead: 1000, Rows: 10, BytesNew: 5}}
	p := performanceOf(point, console.Performance{
		RestoreSpeed: 250,
		Drill:        &console.PointTest{Seconds: 7, At: time.Unix(1, 0)},
	})
	if p.BackupBytesPerSecond != 500 || p.BackupRowsPerSecond != 5 || p.RestoreSeconds != 4 || p.DrillSeconds != 7 ||
		p.DrillAt == nil {
		t.Errorf("%+v", p)
	}
	if p := performanceOf(&console.Point{}, console.Performance{}); p.BackupBytesPerSecond != 0 || p.RestoreSeconds != 0 {
		t.Errorf("of a point that took no time: %+v", p)
	}
}

func TestKnowsAnEntityTag(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]bool{`"a"`: true, `W/"a"`: true, ` "a"`: true, "*": true, `"b"`: false, "a": false,
		"": false} {
		if knows([]string{`"c"`, tag}, `"a"`) != want {
			t.Errorf("%q: not %v", tag, want)
		}
	}
}

// TestTimeAloneIsNoChange: whoever asks again is told that nothing has changed, until something has.
func TestTimeAloneIsNoChange(t *testing.T) {
	t.Parallel()
	at := func(minute int) *time.Time { return new(time.Unix(int64(minute)*60, 0)) }
	was := Status{AgeSeconds: 60, Providers: []Provider{{Name: "local", Reachable: true, Checked: at(1)}}}
	tag, err := etag(&was)
	if err != nil || was.AgeSeconds != 60 || was.Providers[0].Checked == nil {
		t.Fatalf("%+v, %v", was, err)
	}
	for name, c := range map[string]struct {
		now  Status
		same bool
	}{
		"a minute later": {Status{AgeSeconds: 120, Providers: []Provider{{Name: "local", Reachable: true, Checked: at(2)}}},
			true},
		"one is away": {Status{AgeSeconds: 60, Providers: []Provider{{Name: "local", Checked: at(1)}}}, false},
		"it is late": {Status{
			AgeSeconds: 60,
			Alarm:      "late",
			Providers:  []Provider{{Name: "local", Reachable: true, Checked: at(1)}},
		}, false},
	} {
		if now, err := etag(&c.now); err != nil || (now == tag) != c.same {
			t.Errorf("%s: %s, it was %s, %v", name, now, tag, err)
		}
	}
}

// TestADrillIsDescribedAsARestoreOfEverything: one of less is a test of another kind, and is none of these.
func TestADrillIsDescribedAsARestoreOfEverything(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]reflect.Type{
		"LastDrill":    reflect.TypeFor[Compliance](),
		"DrillSeconds": reflect.TypeFor[Performance](),
	} {
		field, found := of.FieldByName(name)
		if !found || !strings.Contains(field.Tag.Get("doc"), "newest restore of everything that compared every row") {
			t.Errorf("%s.%s is described as %q", of.Name(), name, field.Tag.Get("doc"))
		}
	}
}
