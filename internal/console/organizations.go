package console

import (
	"context"
	"time"
	"unicode/utf8"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// OrganizationPage is one page of organizations. Next is the cursor of the following page, empty on the last.
type OrganizationPage struct {
	Organizations []engine.Organization
	// Missing says why the organizations are not the live platform's. It is empty when the platform answered. From is
	// the time of the recovery point that they come from instead.
	Missing string
	From    time.Time
	Next    string
	// Platform is how it stood when it was asked; Newest is the newest recovery point that holds them all, "" if there is
	// none.
	Platform PlatformState
	Newest   string
}

// ListOrganizations searches the platform's organizations by name. When the platform does not answer, it searches
// those of the newest recovery point.
func (c *Console) ListOrganizations(
	ctx context.Context, actor keepsake.Actor, search, cursor string,
) (OrganizationPage, error) {
	var page OrganizationPage
	p, err := c.platformOf(actor)
	if err == nil {
		err = mayActOnPlatform(actor, keepsake.MayRead)
	}
	if err != nil {
		return page, c.recordRefused(ctx, actor, audit.OrganizationsList, "", nil, err)
	}
	if !plain(search) || utf8.RuneCountInString(search) > longestSearch {
		return page, keepsake.Errorf(keepsake.CodeInvalid,
			"This cannot be searched for: use at most %d characters of text.", longestSearch)
	}
	limit := limitOf(0)
	q := engine.OrganizationQuery{Search: search, Limit: limit + 1}
	if cursor != "" {
		if err := readCursor(cursor, &q.After); err != nil || q.After == nil || !plain(q.After.Name+q.After.ID) {
			return page, errCursor
		}
	}
	list, err := fromPlatform(ctx, p.watch,
		func(ctx context.Context) ([]engine.Organization, error) { return p.Scopes.Organizations(ctx, q) })
	page.Platform = p.watch.known()
	if err != nil {
		c.log.WarnContext(ctx, "the organizations could not be read from the platform", "err", err)
		page.Platform = p.watch.saw(err)
		page.Missing = page.Platform.why(err) + " Organizations are shown as the newest recovery point knows them."
		reading, cancel := context.WithTimeout(ctx, weddingsAtTime)
		defer cancel()
		if list, page.From, err = p.Scopes.OrganizationsAt(reading, "latest", q); err != nil {
			if !page.Platform.WithoutWeddings && keepsake.CodeOf(err) != keepsake.CodeNotFound {
				return page, err
			}
			list, page.From, page.Missing = nil, time.Time{}, page.Platform.why(err)
		}
	}
	newest, err := c.newestWhole(ctx, p, actor)
	if err != nil {
		return page, err
	}
	if newest != nil {
		page.Newest = newest.ID
	} else {
		page.Newest = p.newestUnheard(ctx)
	}
	if len(list) > limit {
		list = list[:limit]
		page.Next, err = cursorOf(engine.OrganizationPlace{Name: list[limit-1].Name, ID: list[limit-1].ID})
	}
	page.Organizations = list
	return page, err
}

// WeddingsByID returns the weddings with these keys that the platform or the newest recovery point knows, the nearest
// first.
func (c *Console) WeddingsByID(ctx context.Context, actor keepsake.Actor, ids []string) ([]Wedding, error) {
	p, err := c.platformOf(actor)
	if err == nil {
		err = mayAct(actor, keepsake.MayRead)
	}
	if err != nil {
		return nil, c.recordRefused(ctx, actor, audit.WeddingsList, "", nil, err)
	}
	return p.finder().find(ctx, actor, engine.WeddingQuery{IDs: ids, Today: c.now(), Limit: mostLimit}).Weddings, nil
}
