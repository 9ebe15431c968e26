package handlers

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

type organizationLister interface {
	ListOrganizations(ctx context.Context, actor keepsake.Actor, search, cursor string) (console.OrganizationPage, error)
}

// ListOrganizations draws the organizations that a search by name finds, a page at a time.
func ListOrganizations(pages Pages, con organizationLister) echo.HandlerFunc {
	return func(c echo.Context) error {
		search, after := strings.TrimSpace(c.QueryParam("search")), c.QueryParam("after")
		page, err := con.ListOrganizations(c.Request().Context(), actor(c), search, after)
		if err != nil {
			return err
		}
		vm := views.Organizations{
			Shell:  pages.Shell(c, "Organizations", "weddings"),
			Search: search,
			Count:  format.Plural(int64(len(page.Organizations)), "organization", "organizations") + " on this page",
		}
		if page.Missing != "" {
			vm.Notices = []ui.Notice{{Tone: ui.ToneWarn, Title: "Not the live platform", Text: draw.Sentence(page.Missing)}}
		}
		for _, o := range page.Organizations {
			what, err := keepsake.OrganizationScope(o.ID)
			if err != nil {
				return err
			}
			export := "/platform/export?" + draw.ScopedFields(what).Encode() + "&point=latest&format="
			row := views.Organization{Name: draw.OrDash(o.Name), Weddings: format.Count(o.Weddings), WeddingsURL: "/weddings?" +
				url.Values{"search": {o.Name}}.Encode()}
			if page.Newest != "" {
				row.NewURL = "/points/latest/restore?" + draw.ScopedFields(what).Encode()
				row.CSV, row.JSON = export+"csv", export+"json"
				if page.Platform.Writable() {
					row.RestoreURL = draw.OrganizationURL(o.ID)
				}
			}
			vm.List = append(vm.List, row)
		}
		if after != "" {
			vm.First = "/organizations?" + url.Values{"search": {search}}.Encode()
		}
		if page.Next != "" {
			vm.Next = "/organizations?" + url.Values{"search": {search}, "after": {page.Next}}.Encode()
		}
		return Render(c, http.StatusOK, views.OrganizationsPage(vm))
	}
}
