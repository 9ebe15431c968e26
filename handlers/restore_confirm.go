package handlers

import (
	"cmp"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// ConfirmRestore checks the form and draws the page that asks for the typed confirmation. It starts nothing.
func ConfirmRestore(pages Pages, con restoreReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		in, err := readRestore(c, con)
		if keepsake.CodeOf(err) == keepsake.CodeProof && err != nil {
			return proveFirst(c, restoreAgain(c))
		}
		if err != nil {
			return err
		}
		p, err := con.GetPoint(c.Request().Context(), actor(c), c.Param("id"))
		if err != nil {
			return err
		}
		targets := con.RestoreTargets()
		if faults := in.faults(p, targets); len(faults) > 0 {
			return Render(c, http.StatusUnprocessableEntity, views.RestorePage(restoreForm(c, pages, p, targets, in, faults)))
		}
		return showRestoreConfirm(c, pages, con, p, in, http.StatusOK, "")
	}
}

// showRestoreConfirm asks for the typed confirmation, and says first who else has to agree.
func showRestoreConfirm(c echo.Context, pages Pages, con restoreReader, p console.PointDetail, in restoreInput,
	status int, fault string) error {
	vm := restoreConfirm(c, pages, p, in, fault)
	why, err := con.NeedsSecondApprover(c.Request().Context(), actor(c),
		console.ScopedInput{Scope: in.scope, Point: p.Point.ID})
	if err != nil {
		return err
	}
	if why != "" {
		vm.Lines = append([]string{"Another super admin must approve it before it starts, because " + why + "."}, vm.Lines...)
	}
	return Render(c, status, views.RestoreConfirmPage(vm))
}

func restoreConfirm(c echo.Context, pages Pages, p console.PointDetail, in restoreInput,
	fault string) views.RestoreConfirm {
	from := "the best provider; another one where a piece is bad"
	if in.provider != "" {
		from = in.provider + " only"
	}
	vm := views.RestoreConfirm{
		Shell:   pages.Shell(c, "Confirm the restore", "points"),
		PointID: p.Point.ID,
		Title:   "Restore this recovery point?",
		Word:    in.database,
		Error:   fault,
		BackURL: restoreAgain(c),
		Notices: doubtNotices(pages, p),
		Facts: append(draw.RestoreFacts(p, pages.clock())[:1],
			ui.Fact{Label: "Into", Value: in.database + " on " + in.target},
			ui.Fact{Label: "What", Value: cmp.Or(in.limit(), in.scope.Words(""))},
			ui.Fact{Label: "Read from", Value: from}),
		Lines: []string{
			"A new database is made. If one of that name is there and holds anything, the restore stops before it writes.",
			"Tables come back in the order of their tiers; the page says when each tier can be read.",
			"At the end every table is counted and compared with the recovery point.",
			"The running platform is not touched.",
		},
		Fields: []views.Field{{Name: "target", Value: in.target}, {Name: "database", Value: in.database},
			{Name: "provider", Value: in.provider},
			{Name: "wedding", Value: in.scope.WeddingID()}, {Name: "organization", Value: in.scope.OrganizationID()},
			{Name: "sealed", Value: in.sealed}},
	}
	for _, t := range keepsake.Tiers() {
		if in.scope.Holds(t) {
			vm.Fields = append(vm.Fields, views.Field{Name: "tier", Value: string(t)})
		}
	}
	return vm
}
