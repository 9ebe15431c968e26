package handlers

import (
	"strings"
	"testing"
)

func TestSuggestedDatabaseNamesAreValid(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"wedsync", "Wed-Sync Produktion", "2026", "", strings.Repeat("ä", 80)} {
		if got := suggestDatabase(name, "20261123_0717"); !databaseName.MatchString(got) {
			t.Errorf("%q gives %q", name, got)
		}
	}
}
