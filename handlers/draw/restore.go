package draw

import (
	"strings"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views/ui"
)

// TierTables names the tables of a tier.
func TierTables(p console.PointDetail, tier keepsake.Tier) string {
	words := "Readable within " + format.Duration(tier.Goal()) + ", as promised"
	if p.Detail == nil {
		return words
	}
	var names []string
	for _, t := range p.Detail.TableList {
		if t.Tier == string(tier) {
			names = append(names, format.Table(t.Schema, t.Name))
		}
	}
	if len(names) == 0 {
		return "No tables in this recovery point"
	}
	return format.Names(names, 6)
}

// RestoreFacts says what a restore would bring back.
func RestoreFacts(p console.PointDetail, clock format.Clock) []ui.Fact {
	var good []string
	for _, cp := range p.Point.Copies {
		if cp.Confirmed {
			good = append(good, cp.Provider)
		}
	}
	return []ui.Fact{
		{Label: "Moment", Value: clock.Exact(p.Point.Time) + " (" + clock.Relative(p.Point.Time) + ")"},
		{Label: "Type", Value: format.Title(p.Point.Type)},
		{Label: "Tables", Value: format.Count(int64(p.Point.Tables))},
		{Label: "Rows", Value: format.Count(p.Point.Rows)},
		{Label: "Size", Value: format.Bytes(p.Point.BytesRead)},
		{Label: "Copies", Value: OrDash(strings.Join(good, ", "))},
	}
}
