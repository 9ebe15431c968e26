package config

import (
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

// TestRetentionIsWhatTheFileSays, and the default where it says nothing. Days begin in the zone that is handed over.
func TestRetentionIsWhatTheFileSays(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	want := policy.DefaultRetention()
	r, grace, err := load(t, withPlatform, nil).Retention.Read(nil)
	if err != nil || r != want || grace != 24*time.Hour {
		t.Errorf("without a word: %+v, %s, %v", r, grace, err)
	}
	c := load(t, withPlatform+`
retention:
  last: 0
  hourly: ${HOURS}
  daily: 60
  weekly: 1
  monthly: 36
  yearly: 20
  within: 7 days
  milestone_days: 0
  grace: 3 days
  most_share: 100
  most_points: 1
`, map[string]string{"HOURS": "72"})
	want = policy.Retention{Hourly: 72, Daily: 60, Weekly: 1, Monthly: 36, Yearly: 20, Within: 7 * 24 * time.Hour,
		Zone: berlin, MostShare: 100, MostCount: 1}
	r, grace, err = c.Retention.Read(berlin)
	if err != nil || r != want || grace != 3*24*time.Hour || !c.Retention.On() {
		t.Errorf("%+v, %s, %v, want %+v", r, grace, err, want)
	}
	for _, text := range []string{"{within: 0}", "{within: 0, grace: 1 day, automatic: true}", nothing + "within: 1 hour}",
		nothing + "within: 0, automatic: false}"} {
		c := load(t, withPlatform+"retention: "+text+"\n", nil)
		r, _, err := c.Retention.Read(nil)
		if off := strings.Contains(text, "false"); err != nil || c.Retention.On() == off || r.KeepsAny() == off {
			t.Errorf("%s: %+v, %v", text, r, err)
		}
	}
}

// nothing keeps no point, but for what follows it.
const nothing = "{last: 0, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0, milestone_days: 9, "

// TestMistakesOfRetentionAreFoundAtStart, each with its field.
func TestMistakesOfRetentionAreFoundAtStart(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"{last: -1}":              "last: -1 is out of range: use 0 to 10000",
		"{hourly: 10001}":         "hourly: 10001 is out of range",
		"{daily: -1}":             "daily: -1 is out of range",
		"{weekly: -1}":            "weekly: -1 is out of range",
		"{monthly: -1}":           "monthly: -1 is out of range",
		"{yearly: -1}":            "yearly: -1 is out of range",
		"{milestone_days: 36501}": "milestone_days: 36501 is out of range: use 0 to 36500",
		"{most_share: 0}":         "most_share: 0 is out of range: use 1 to 100",
		"{most_share: 101}":       "most_share: 101 is out of range",
		"{most_points: 0}":        "most_points: 0 is out of range: use 1 to 100000",
		"{within: 48h}":           `within: "48h" is no span of time: write it like "48 hours"`,
		"{within: 48}":            `within: "48" is no span of time`,
		"{within: 4000 days}":     `within: "4000 days" is out of range: use 0 to 3650 days`,
		"{grace: soon}":           `grace: "soon" is no span of time`,
		"{grace: 23 hours}":       `grace: "23 hours" is out of range: use 24 hours to 3650 days`,
		"{grace: 0}":              `grace: "0" is out of range`,
		nothing + "within: 0}":    "automatic: no rule keeps any recovery point",
	} {
		_, err := Load(write(t, withPlatform+"retention: "+text+"\n"), environ(nil))
		if keepsake.CodeOf(err) != keepsake.CodeInvalid || !strings.Contains(err.Error(), ":3: retention."+says) {
			t.Errorf("%s: %v, want %s", text, err, says)
		}
	}
	_, err := Load(write(t, withPlatform+"retention: {daily: many}\n"), environ(nil))
	if keepsake.CodeOf(err) != keepsake.CodeInvalid || !strings.Contains(err.Error(), ":3: ") ||
		!strings.Contains(err.Error(), "a number belongs here") {
		t.Errorf("a text: %v", err)
	}
	few := -1
	if _, _, err := (Retention{Daily: &few}).Read(nil); keepsake.CodeOf(err) != keepsake.CodeInvalid ||
		!strings.Contains(err.Error(), "retention.daily: -1 is out of range") {
		t.Errorf("read alone: %v", err)
	}
}
