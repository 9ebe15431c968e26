package engine

import (
	"strings"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

// HeldPoint returns what retention knows of a recovery point by the repository alone. Which ones were proven, or
// restored and compared, is not known here: a caller who knows it adds it.
func HeldPoint(p Point) policy.HeldPoint {
	held := policy.HeldPoint{
		ID:        p.ID,
		Time:      p.Time,
		Type:      keepsake.BackupType(p.Type),
		Written:   repository.WriterMade(p.ID),
		Weddings:  p.Weddings,
		Locked:    p.Locked,
		Suspect:   p.DoubtWords(),
		Protected: p.Protected,
	}
	if p.Locked {
		held.LockWhy = strings.Join(strings.Fields(p.Note), " ")
	}
	_, err := keepsake.ParseBackupType(p.Type)
	switch {
	case err != nil: // its manifest cannot be read, or a newer version wrote it
		held.Unread = keepsake.Sentence(p.Lacks)
		if held.Unread == "" {
			held.Unread = "Its type is " + p.Type + "."
		}
	case len(p.NotesUnread) > 0:
		held.Unread = strings.Join(p.NotesUnread, " ")
	case len(p.Unknown) > 0:
		held.Unread = "Not every provider could be asked for it: " + strings.Join(p.Unknown, ", ") + "."
	}
	return held
}

// RetentionFacts returns what retention goes by, where nothing but the repository is known. Whoever knows whether
// backups fail adds that.
func RetentionFacts(list PointList, pending PendingRemovals) (f policy.RetentionFacts) {
	marked := map[string]bool{} // Marked looks through all lists for each point
	for _, l := range pending.Lists {
		for _, p := range l.Points {
			marked[p.ID] = true
		}
	}
	for _, p := range list.Points {
		held := HeldPoint(p)
		held.Marked = marked[p.ID]
		f.Points = append(f.Points, held)
	}
	var why []string
	for _, u := range list.Unasked {
		why = append(why, "provider "+u.Provider+" could not be asked for its recovery points. "+u.Why)
	}
	f.Failing = strings.Join(why, " ")
	return f
}
