package handlers

import (
	"context"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

type scopeExplainer interface {
	ExplainScope(ctx context.Context, actor keepsake.Actor, organization bool) (*scope.Plan, error)
}

// ShowScope shows which tables belong to a wedding, or to an organization, and why.
func ShowScope(pages Pages, con scopeExplainer) echo.HandlerFunc {
	return func(c echo.Context) error {
		organization := c.QueryParam("of") == "organization"
		p, err := con.ExplainScope(c.Request().Context(), actor(c), organization)
		if err != nil {
			return err
		}
		vm := views.Scope{
			Shell:        pages.Shell(c, "What belongs to what", "weddings"),
			Organization: organization,
			Of:           "a wedding",
			Root:         p.Root,
		}
		if organization {
			vm.Of = "an organization"
		}
		for _, part := range []struct {
			belongs    scope.Belonging
			name, text string
		}{
			{scope.Owned, "Belongs to " + vm.Of, "Rows that lead there come back, change back and go with it."},
			{scope.Shared, "Used by it", "A vendor, for example: brought back where missing, never changed or removed, " +
				"because others use it too."},
			{scope.Outside, "Neither", "Never touched when " + vm.Of + " is brought back."},
		} {
			group := views.ScopeGroup{Name: part.name, Text: part.text}
			for _, t := range p.Of(part.belongs) {
				row := views.ScopeTable{Name: format.TableOf(t.Name), Why: draw.Sentence(t.Why), Key: strings.Join(t.Key, ", ")}
				if row.Key == "" {
					row.Key = "none: its rows are compared as a whole"
				}
				group.Tables = append(group.Tables, row)
			}
			if len(group.Tables) > 0 {
				vm.Groups = append(vm.Groups, group)
			}
		}
		return Render(c, http.StatusOK, views.ScopePage(vm))
	}
}
