package handlers

import (
	"context"
	"fmt"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

// weddingNamer finds weddings by their keys.
type weddingNamer interface {
	WeddingsByID(ctx context.Context, actor keepsake.Actor, ids []string) ([]console.Wedding, error)
}

// limits says of each type of backup whether the person may start one now.
type limits struct {
	quotas  map[keepsake.BackupType]keepsake.Quota
	wedding bool
	urgency keepsake.Urgency
	clock   format.Clock
}

// limitsFor asks how soon the wedding is that a backup is made for, because that decides what it counts as.
func limitsFor(c echo.Context, pages Pages, con weddingNamer, e console.Estimate, wedding string) limits {
	l := limits{quotas: e.Quotas, wedding: wedding != "", clock: pages.clock()}
	if wedding == "" {
		return l
	}
	if found, err := con.WeddingsByID(c.Request().Context(), actor(c), []string{wedding}); err == nil && len(found) == 1 {
		l.urgency = found[0].Urgency
	}
	return l
}

// of is what is left for a type; false where nothing limits it.
func (l limits) of(t keepsake.BackupType) (keepsake.Quota, bool) {
	q, limited := l.quotas[console.CountedAs(t, l.wedding, l.urgency)]
	return q, limited
}

// reached says when the next backup of a type can start, "" when one can now.
func (l limits) reached(t keepsake.BackupType) string {
	q, limited := l.of(t)
	if !limited || q.Left > 0 {
		return ""
	}
	return "The next one can start " + l.next(q) + "."
}

// next is when there is one more, rounded up to the minute: "in 12 min, at 14:32 UTC".
func (l limits) next(q keepsake.Quota) string {
	at := l.clock.Now.Add(q.Reset)
	if whole := at.Truncate(time.Minute); whole.Before(at) {
		at = whole.Add(time.Minute)
	}
	zone := l.clock.Zone
	if zone == nil {
		zone = time.UTC
	}
	return "in " + format.Duration((q.Reset + time.Minute - 1).Truncate(time.Minute)) + ", at " +
		at.In(zone).Format("15:04 MST")
}

// words say how many backups of a type the person may still start within the hour.
func (l limits) words(t keepsake.BackupType) string {
	q, limited := l.of(t)
	if !limited {
		return ""
	}
	if q.Left == 0 {
		return fmt.Sprintf("You have started all %d of these that one person may within an hour. %s", q.Most, l.reached(t))
	}
	return fmt.Sprintf("You can start %d more of these within the hour; %d are the most.", q.Left, q.Most)
}

// start is the form's button: it rests while the chosen type is at its limit, and asks again when that ends.
func (l limits) start(t keepsake.BackupType) views.BackupStart {
	s := views.BackupStart{Why: l.reached(t)}
	if q, limited := l.of(t); limited && q.Left == 0 {
		s.Disabled, s.AgainSeconds = true, seconds(q.Reset)+1
	}
	return s
}
