package weddings

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/wedsync/keepsake/internal/engine/search"
)

// Organization is one organization of the platform.
type Organization struct {
	ID       string
	Name     string
	Weddings int64 // how many it has
}

// OrganizationQuery selects organizations by name.
type OrganizationQuery struct {
	Search string             // words that must each be found in the name; empty: any
	After  *OrganizationPlace // organizations that come after it; nil: from the first
	Limit  int
}

// OrganizationPlace is an organization's place in the order of a list.
type OrganizationPlace struct{ Name, ID string }

// Organizations returns organizations of the live platform, ordered by name, as they were some seconds ago at most.
func (by *Finder) Organizations(ctx context.Context, q OrganizationQuery) ([]Organization, error) {
	d, err := by.liveDirectory(ctx, false)
	if err != nil {
		return nil, err
	}
	return organizations(d, q), nil
}

// OrganizationsAt returns organizations as a recovery point knows them, and the point's time. It needs no platform.
func (by *Finder) OrganizationsAt(
	ctx context.Context, point string, q OrganizationQuery,
) ([]Organization, time.Time, error) {
	d, at, err := by.directoryAt(ctx, point, false)
	if err != nil {
		return nil, at, err
	}
	return organizations(d, q), at, nil
}

func organizations(d *search.Directory, q OrganizationQuery) (list []Organization) {
	for _, o := range d.Organizations(q.Search) {
		if a := q.After; a != nil && cmp.Or(strings.Compare(o.Name, a.Name), strings.Compare(o.ID, a.ID)) <= 0 {
			continue
		}
		if len(list) == q.Limit {
			break
		}
		list = append(list, Organization(o))
	}
	return list
}
