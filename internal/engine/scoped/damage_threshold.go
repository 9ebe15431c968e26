package scoped

// tableLoss is what became of a wedding's rows in one table between two moments.
type tableLoss struct {
	table         string
	rows          int64 // at the first
	gone, changed int64 // of those
	added         int64 // at the second only
}

// emptied reports whether no row of the wedding is left in the table.
func (t tableLoss) emptied() bool { return t.gone > 0 && t.gone == t.rows && t.added == 0 }

// Shares are written as their inverse: a twentieth is 20.
const (
	leastGone, goneShare = 3, 20 // of all rows of the wedding
	// of its rows in one table: the few links to its vendors are lost in a share of all rows
	goneOfTable                = 3
	leastChanged, changedShare = 10, 5 // of all rows of the wedding
)

// damaging says whether losses are damage rather than daily work: a table has lost every row of the wedding, or the
// wedding or one of its tables has lost many rows, or many rows were changed. rows are all rows of the wedding.
func damaging(rows int64, losses []tableLoss) bool {
	var gone, changed int64
	for _, t := range losses {
		if t.emptied() || t.gone >= leastGone && t.gone*goneOfTable >= t.rows {
			return true
		}
		gone, changed = gone+t.gone, changed+t.changed
	}
	return gone >= leastGone && gone*goneShare >= rows || changed >= leastChanged && changed*changedShare >= rows
}
