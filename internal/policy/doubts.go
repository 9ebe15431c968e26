package policy

import (
	"cmp"
	"slices"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Holding is what a recovery point holds, as far as it can be compared with another one.
type Holding struct {
	System   string // the server's identifier; "": unknown
	OID      uint32 // of the database
	Database string // its name
	Critical bool   // it holds the critical tier alone
	Tables   []TableHolding
}

// TableHolding is one table, or the topmost of partitioned ones with the rows of all its partitions.
type TableHolding struct {
	Name  string
	Tier  keepsake.Tier
	Rows  int64
	Bound bool // a foreign key leads from it to another table: it is no log and no queue
}

// Bounds of what is daily work.
const (
	fewRows    = 10 // a table or a tier with fewer may lose most of them
	mostDoubts = 50 // that are kept of one recovery point
)

// Doubts returns why a recovery point may show damage, against one that is trusted; the greatest losses first. Daily
// work does not empty the platform, take a table away, or most rows of a table that is of the critical or high tier or
// that references another one. The rows of the other tables, which are often emptied in good order, count together.
func Doubts(before, now Holding) (doubts []keepsake.Doubt) {
	was, is := covered(before, now), covered(now, before)
	tiers := map[string]keepsake.Tier{} // as they are now: somebody may have changed the data map
	for _, t := range is {
		tiers[t.Name] = t.Tier
	}
	for i, t := range was {
		was[i].Tier = cmp.Or(tiers[t.Name], t.Tier)
	}
	if d, other := otherDatabase(before, now); other {
		doubts = append(doubts, d)
	}
	if all := sum(was); all > 0 && sum(is) == 0 {
		d := keepsake.Doubt{Kind: keepsake.DoubtEmpty, Before: all}
		if before.Critical || now.Critical {
			d.Tier = keepsake.TierCritical
		}
		return append(doubts, d)
	}
	losses := lostTables(was, is)
	slices.SortStableFunc(losses, func(a, b keepsake.Doubt) int { return cmp.Compare(b.Before-b.Rows, a.Before-a.Rows) })
	doubts = append(doubts, losses...)
	return doubts[:min(len(doubts), mostDoubts)]
}

// otherDatabase compares identifiers, and names where a server tells none.
func otherDatabase(before, now Holding) (d keepsake.Doubt, other bool) {
	d = keepsake.Doubt{Kind: keepsake.DoubtDatabase, Was: before.Database, Is: now.Database}
	if before.System == "" || now.System == "" {
		return d, before.Database != now.Database
	}
	if before.System != now.System {
		d.Was, d.Is = d.Was+" of server "+before.System, d.Is+" of server "+now.System
		return d, true
	}
	return d, before.OID != now.OID
}

// covered returns those tables of a recovery point that the other one covers too. A table that is critical in one of
// them only, because somebody changed the data map, may not be in the other.
func covered(h, other Holding) []TableHolding {
	if !other.Critical {
		return slices.Clone(h.Tables)
	}
	there := map[string]bool{}
	for _, t := range other.Tables {
		there[t.Name] = true
	}
	return slices.DeleteFunc(slices.Clone(h.Tables), func(t TableHolding) bool {
		return t.Tier != keepsake.TierCritical && !there[t.Name]
	})
}

func sum(tables []TableHolding) (n int64) {
	for _, t := range tables {
		n += t.Rows
	}
	return n
}

func lostTables(was, is []TableHolding) (doubts []keepsake.Doubt) {
	now := map[string]int64{}
	for _, t := range is {
		now[t.Name] = t.Rows
	}
	var before, after int64 // of the standard tier
	for _, t := range was {
		rows, there := now[t.Name]
		switch {
		case t.Rows == 0:
		case !there:
			doubts = append(doubts, keepsake.Doubt{Kind: keepsake.DoubtTable, Table: t.Name, Tier: t.Tier, Before: t.Rows})
		case t.Tier == keepsake.TierStandard && !t.Bound:
			before, after = before+t.Rows, after+rows
		case mostGone(t.Rows, rows) || t.Tier == keepsake.TierCritical && rows == 0:
			doubts = append(doubts, keepsake.Doubt{
				Kind:   keepsake.DoubtRows,
				Table:  t.Name,
				Tier:   t.Tier,
				Before: t.Rows,
				Rows:   rows,
			})
		}
	}
	if mostGone(before, after) {
		doubts = append(doubts, keepsake.Doubt{
			Kind:   keepsake.DoubtRows,
			Tier:   keepsake.TierStandard,
			Before: before,
			Rows:   after,
		})
	}
	return doubts
}

func mostGone(before, after int64) bool { return before >= fewRows && 2*after < before }
