package repository

import (
	"slices"
	"strings"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Coverage returns what the recovery point covers, from its manifest and its tables, or nil where the tables are not
// loaded.
func (m *Manifest) Coverage() *keepsake.Coverage {
	if len(m.Tables) == 0 {
		return nil
	}
	c := &keepsake.Coverage{}
	for _, tier := range keepsake.Tiers() {
		t := keepsake.TierCoverage{Tier: tier}
		rows := map[string]int64{}
		for _, table := range m.Tables {
			if table.Tier != tier || table.Kind == KindLargeObjects {
				continue
			}
			rows[table.Whole()] += table.Rows
			t.Rows += table.Rows
		}
		for name, n := range rows {
			t.Tables = append(t.Tables, keepsake.TableCoverage{Table: name, Rows: n})
		}
		slices.SortFunc(t.Tables, func(a, b keepsake.TableCoverage) int { return strings.Compare(a.Table, b.Table) })
		if len(t.Tables) > 0 {
			c.Tiers = append(c.Tiers, t)
		}
	}
	if m.Covers != nil {
		c.WeddingCoverage = *m.Covers
	}
	return c
}
