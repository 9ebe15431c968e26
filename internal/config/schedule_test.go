package config

import (
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

const withPlatform = "platform: {url: 'postgres://a:b@localhost/x'}\nproviders: [{name: a, type: file, path: ./a}]\n"

// TestAScheduleIsWhatTheFileSays, and the default where it says nothing.
func TestAScheduleIsWhatTheFileSays(t *testing.T) {
	t.Parallel()
	c := load(t, withPlatform+`
schedule:
  zone: Europe/Berlin
  planning: daily at 02:30
  execution: every 10 minutes
  post_event: never
  archive_days: 0
  quiet: ["03:00-04:00"]
  paused_until: 2026-12-27
`, nil)
	s, paused, err := c.Schedule.Read()
	if err != nil || !c.Schedule.On() || s.Zone.String() != "Europe/Berlin" ||
		s.Phases[keepsake.PhasePlanning].String() != "daily at 02:30" ||
		s.Phases[keepsake.PhasePreparation].String() != "every 4 hours" ||
		s.Phases[keepsake.PhaseExecution].String() != "every 10 minutes" || !s.Phases[keepsake.PhasePostEvent].Never() ||
		s.ArchiveDays != 0 || len(s.Quiet) != 1 || paused.UTC().Format(time.RFC3339) != "2026-12-26T23:00:00Z" {
		t.Errorf("%+v, %s, %v", s, paused, err)
	}
	if c := load(t, withPlatform+"schedule: {automatic: false}\n", nil); c.Schedule.On() {
		t.Error("it is on")
	}
	all := withPlatform + "schedule: {quiet: ['00:00-12:00', '12:00-00:00']}\n"
	if _, err := Load(write(t, all), environ(nil)); keepsake.CodeOf(err) != keepsake.CodeInvalid {
		t.Errorf("quiet hours of the whole day: %v", err)
	}
	for field, value := range map[string]string{"zone": "Berlin", "planning": "often", "full": "4h", "archive_days": "-1",
		"quiet": "['2']", "paused_until": "soon"} {
		_, err := Load(write(t, withPlatform+"schedule: {"+field+": "+value+"}\n"), environ(nil))
		if keepsake.CodeOf(err) != keepsake.CodeInvalid || !strings.Contains(err.Error(), "schedule."+field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}
