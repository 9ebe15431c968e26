package keepsake

import (
	"fmt"
	"strings"
)

// DoubtKind says why a recovery point may show damage rather than what the platform should hold.
type DoubtKind string

// The kinds of doubt.
const (
	DoubtEmpty     DoubtKind = "empty"    // no table holds a row any more
	DoubtTable     DoubtKind = "table"    // a table that held rows is not there any more
	DoubtRows      DoubtKind = "rows"     // most rows of a table, or of a tier's tables together, are gone
	DoubtDatabase  DoubtKind = "database" // it is another database
	DoubtAfter     DoubtKind = "after"    // somebody said of one before it that it is not right
	DoubtHidden    DoubtKind = "hidden"   // what it is, is not for the reader to know
	mostDoubtsSaid           = 3          // in one sentence
)

// Doubt is one reason not to trust a recovery point until somebody says that it can be trusted.
type Doubt struct {
	Kind   DoubtKind `json:"kind"`
	Table  string    `json:"table,omitempty"` // full name (TableName); empty: several tables together
	Tier   Tier      `json:"tier,omitempty"`  // of those
	Before int64     `json:"before"`          // rows at the recovery point that it was compared with
	Rows   int64     `json:"rows"`            // rows at this one
	Was    string    `json:"was,omitempty"`   // of DoubtDatabase: the database before
	Is     string    `json:"is,omitempty"`    // and this one
}

// Words says the doubt as a sentence without its full stop.
func (d Doubt) Words() string {
	switch {
	case d.Kind == DoubtEmpty && d.Tier != "":
		return fmt.Sprintf("every table of the %s tier is empty, and %s before", d.Tier, rowsWere(d.Before))
	case d.Kind == DoubtEmpty:
		return fmt.Sprintf("every table is empty, and %s before", rowsWere(d.Before))
	case d.Kind == DoubtDatabase && d.Is == d.Was:
		return fmt.Sprintf("database %s was made anew since the recovery point before", d.Is)
	case d.Kind == DoubtDatabase:
		return fmt.Sprintf("it was taken from %s, and the one before from %s", d.Is, d.Was)
	case d.Kind == DoubtAfter:
		return "the recovery point before it is not trusted, and what is wrong there may still be wrong"
	case d.Kind == DoubtHidden:
		return "who looks after the whole platform can see why"
	case d.Kind == DoubtTable:
		return fmt.Sprintf("table %s no longer exists, and held %s before", d.Table, countRows(d.Before))
	case d.Table == "":
		return fmt.Sprintf("the other tables of the %s tier hold %s together, and held %s before", d.Tier, countRows(d.Rows),
			countRows(d.Before))
	}
	return fmt.Sprintf("table %s holds %s, and held %s before", d.Table, countRows(d.Rows), countRows(d.Before))
}

func rowsWere(n int64) string {
	if n == 1 {
		return "there was 1 row"
	}
	return "there were " + Count(n) + " rows"
}

func countRows(n int64) string {
	if n == 1 {
		return "1 row"
	}
	return Count(n) + " rows"
}

// DoubtWords says a recovery point's doubts in one sentence, the first ones only where they are many; "" without any.
func DoubtWords(doubts []Doubt) string {
	var said []string
	for _, d := range doubts[:min(len(doubts), mostDoubtsSaid)] {
		said = append(said, d.Words())
	}
	if more := len(doubts) - len(said); more > 0 {
		said = append(said, fmt.Sprintf("and %d more", more))
	}
	return Sentence(strings.Join(said, "; "))
}

// PassedBy says that an older recovery point is taken than this one, which is suspect because of why, a sentence.
func PassedBy(point, why string) string {
	return "The newer recovery point " + point + " is suspect, so an older one is taken. " + why
}

// SuspectPoint says that the recovery point which is taken is suspect because of why, a sentence.
func SuspectPoint(why string) string { return "This recovery point is suspect. " + why }

// DoubtUnread says that the notes on the recovery point which is taken could not all be read, and why, in sentences.
func DoubtUnread(why []string) string {
	return "The notes on this recovery point could not all be read, so somebody may have said in one that it cannot be " +
		"trusted. " + strings.Join(why, " ")
}

// Trust is what somebody said of a recovery point, whatever its backup found.
type Trust string

// What may be said.
const (
	TrustUnsaid   Trust = ""
	TrustAccepted Trust = "accepted" // it can be trusted
	TrustDoubted  Trust = "doubted"  // it cannot
)

// Suspect reports whether a recovery point is passed by where somebody asks for the latest one.
func (t Trust) Suspect(doubts []Doubt) bool {
	return t == TrustDoubted || t == TrustUnsaid && len(doubts) > 0
}
