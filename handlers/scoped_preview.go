package handlers

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/fold"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

type damageFinder interface {
	FindDamage(ctx context.Context, actor keepsake.Actor, in console.ScopedInput) (*engine.Damage, error)
}

type scopePreviewer interface {
	pointLister
	platformKnower
	damageFinder
	PreviewScope(ctx context.Context, actor keepsake.Actor, in console.ScopedInput) (*scope.Preview, error)
	approvalForeteller
	WeddingsByID(ctx context.Context, actor keepsake.Actor, ids []string) ([]console.Wedding, error)
	organizationLister
}

// ShowScopePreview draws what a restore into the live platform would change. It changes nothing. With POST it keeps
// the rows that were ticked off.
func ShowScopePreview(pages Pages, con scopePreviewer) echo.HandlerFunc {
	return func(c echo.Context) error {
		in, err := scoped(c)
		if err != nil {
			return err
		}
		if in.Scope.IsZero() && !con.Platform(c.Request().Context()).Writable() {
			return cannotBringBack(c, pages, con, in, keepsake.Errorf(keepsake.CodeUnavailable, "%s", con.KnownPlatform().Words))
		}
		if in.Scope.IsZero() {
			return showScopeChoice(c, pages, con, in)
		}
		hint, stop := safePoint(c, pages, con, &in)
		defer stop()
		p, err := con.PreviewScope(c.Request().Context(), actor(c), in)
		if err != nil {
			return cannotPreview(c, pages, con, in, err)
		}
		vm, err := scopePreview(c, pages, con, in, p, c.Request().Form["skip"])
		if err != nil {
			return err
		}
		vm.Notices = append(vm.Notices, passedNotices(p)...)
		vm.Notices = append(append(vm.Notices, hint()...), proofNotice(c, pages, "restoring")...)
		return Render(c, http.StatusOK, views.ScopePreviewPage(vm))
	}
}

// passedNotices say why it is not the newest recovery point, or that it is suspect.
func passedNotices(p *scope.Preview) (notices []ui.Notice) {
	for _, words := range p.Passed {
		notices = append(notices, ui.Notice{Tone: ui.ToneWarn, Title: "About this recovery point", Text: words})
	}
	return notices
}

// cannotPreview says why there is no comparison, and what works meanwhile.
func cannotPreview(c echo.Context, pages Pages, con scopePreviewer, in console.ScopedInput, err error) error {
	switch code := keepsake.CodeOf(err); {
	case code == keepsake.CodeUnavailable && !con.KnownPlatform().Writable():
		return cannotBringBack(c, pages, con, in, err)
	case code == keepsake.CodeNotFound && newestPoint(c.Request().Context(), con, actor(c)) == "":
		return nothingSaved(c, pages, in)
	}
	return err
}

// showScopeChoice asks what comes back.
func showScopeChoice(c echo.Context, pages Pages, con scopePreviewer, in console.ScopedInput) error {
	options, err := pointOptions(c, pages, con, in.Point, time.Time{})
	if err != nil {
		return err
	}
	if len(options) == 0 { // a provider may know one that this console has not heard of
		options = []views.PointOption{{Value: "latest", Text: "The newest recovery point", Selected: true}}
	}
	if !slices.ContainsFunc(options, func(o views.PointOption) bool { return o.Selected }) {
		options = append([]views.PointOption{{Text: "The newest safe one", Selected: true}}, options...)
	}
	vm := views.ScopeChoice{Shell: pages.Shell(c, "Bring back", "points"), Action: draw.PlatformRestore, Points: options}
	tables := map[keepsake.Tier]string{ // what each is for; which tables it holds, the point's page says
		keepsake.TierCritical: "Who people are: accounts, suppliers, clients, organizations",
		keepsake.TierHigh:     "What they do: forms, journeys, files, payments",
		keepsake.TierStandard: "Everything else",
	}
	for _, t := range keepsake.Tiers() {
		vm.Tiers = append(vm.Tiers, views.TierOption{
			Value:   string(t),
			Name:    format.Title(string(t)) + " tier",
			Text:    tables[t],
			Checked: t == keepsake.TierCritical,
		})
	}
	return Render(c, http.StatusOK, views.ScopeChoicePage(vm))
}

// safePoint chooses the newest protected recovery point before the damage, where a person has chosen none, and says
// why, or that damage could not be looked for. One that a person has chosen is taken, while somebody looks whether an
// older one has more; hint waits for that, and stop gives it up.
func safePoint(c echo.Context, pages Pages, con scopePreviewer, in *console.ScopedInput) (hint func() []ui.Notice,
	stop func()) {
	if c.FormValue("point") != "" || !draw.TakesSafePoint(in.Scope) {
		found, stop := lookBeside(c.Request().Context(), con, actor(c), *in)
		return func() []ui.Notice {
			d, err := found()
			return chosenPoint(pages, *in, d, err)
		}, stop
	}
	d, err := con.FindDamage(c.Request().Context(), actor(c), *in)
	if err == nil && d != nil {
		in.Point = d.Point
	}
	return func() []ui.Notice { return newestPointTaken(pages, d, err) }, func() {}
}

// newestPointTaken says why a recovery point was chosen, or that damage could not be looked for.
func newestPointTaken(pages Pages, d *engine.Damage, err error) []ui.Notice {
	if err != nil {
		return []ui.Notice{{
			Tone:  ui.ToneWarn,
			Title: draw.NotLooked(err),
			Text: "The newest recovery point is chosen below, and may be from after a damage: look at what it would change, " +
				"or choose an older one." + draw.HintFailed(err, pages.clock()),
		}}
	}
	if d == nil {
		return nil
	}
	text := draw.DamageWords(d, pages.clock()) + " The " + draw.NewestBefore(d) + " recovery point before that, " +
		pages.clock().Second(d.From) + ", is chosen below." + draw.UnsafeWords(d)
	return []ui.Notice{{Tone: ui.ToneWarn, Title: "This is where rows went missing", Text: text}}
}

// chosenPoint says that a recovery point before the one that a person has chosen has more, and leads to it.
func chosenPoint(pages Pages, in console.ScopedInput, d *engine.Damage, err error) []ui.Notice {
	if err != nil {
		return []ui.Notice{{
			Tone:  ui.ToneWarn,
			Title: draw.NotLooked(err),
			Text: "The recovery point that is chosen below may be from after a damage: look at what it would change, or " +
				"choose an older one." + draw.HintFailed(err, pages.clock()),
		}}
	}
	if !draw.Safer(d, in.Point) {
		return nil
	}
	in.Point = d.Point
	return []ui.Notice{{
		Tone:  ui.ToneWarn,
		Title: "The recovery point that is chosen below is from after a damage",
		Text: draw.DamageWords(d, pages.clock()) + " What vanished is not in it. The " + draw.NewestBefore(d) +
			" one before that is of " +
			pages.clock().Second(d.From) + "." + draw.UnsafeWords(d),
		Href: draw.ScopedPath(in.Scope) + draw.ScopedQuery(in),
		Link: "Compare with the " + draw.BeforeIt(d),
	}}
}

// lookBeside looks for damage and holds nothing up: found waits for the answer, and stop gives it up.
func lookBeside(ctx context.Context, con damageFinder, actor keepsake.Actor, in console.ScopedInput) (
	found func() (*engine.Damage, error), stop func()) {
	return Beside(ctx, func(ctx context.Context) (*engine.Damage, error) { return con.FindDamage(ctx, actor, in) })
}

// touched names the weddings that the changes touch, the nearest first.
func touched(c echo.Context, con scopePreviewer, p *scope.Preview, left map[string]bool) (list []views.TouchedWedding,
	more string, err error) {
	rows := p.Touched(draw.LeftOut(left))
	ids := slices.Sorted(maps.Keys(rows))
	if len(ids) == 0 {
		return nil, "", nil
	}
	found, err := con.WeddingsByID(c.Request().Context(), actor(c), ids)
	for _, w := range found[:min(len(found), draw.WeddingsNamed)] {
		list = append(list, views.TouchedWedding{Wedding: draw.Wedding(w), Rows: format.Plural(rows[w.ID], "row", "rows")})
	}
	if rest := len(ids) - len(list); rest > 0 && len(list) > 0 {
		more = "and " + format.Plural(int64(rest), "more wedding", "more weddings")
	}
	return list, more, err
}

// ShowScopeRows draws rows of one table of a preview, a page at a time, where the page of the preview has no room for
// all of them. It keeps what was ticked off on other pages.
func ShowScopeRows(pages Pages, con scopePreviewer) echo.HandlerFunc {
	return func(c echo.Context) error {
		in, err := scoped(c)
		if err != nil {
			return err
		}
		name := c.QueryParam("table")
		from, err := strconv.Atoi(c.QueryParam("from"))
		if err != nil || from < 0 {
			return keepsake.Errorf(keepsake.CodeInvalid, "This page of the list does not exist: begin with the first.")
		}
		p, err := con.PreviewScope(c.Request().Context(), actor(c), in)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(p.Tables, func(t scope.TableChanges) bool { return t.Table == name })
		if i < 0 {
			return keepsake.Errorf(keepsake.CodeNotFound, "The comparison has no such table.")
		}
		in.Point = p.Point
		left := draw.Set(c.Request().Form["skip"])
		all := p.Tables[i].Changes
		vm := views.ScopeRows{
			Shell:  pages.Shell(c, "Rows of a comparison", "weddings"),
			Name:   cmp.Or(p.Name, in.Scope.WeddingID()),
			Fields: draw.ScopedInputFields(in),
			Action: draw.ScopedPath(in.Scope) + "/review",
		}
		vm.Table, _ = draw.PreviewRows(p.Tables[i], left, draw.ComesBack, from)
		vm.Count = fmt.Sprintf("rows %s to %s of %s", format.Count(int64(min(from+1, len(all)))),
			format.Count(int64(min(from+draw.RowsShown, len(all)))), format.Count(int64(len(all))))
		vm.Elsewhere = draw.Elsewhere(left, []views.PreviewTable{vm.Table})
		if from > 0 {
			vm.First = draw.RowsAction(in.Scope, name, 0)
		}
		if vm.Table.More != "" {
			vm.Next = draw.RowsAction(in.Scope, name, from+draw.RowsShown)
		}
		vm.Table.More = ""
		return Render(c, http.StatusOK, views.ScopeRowsPage(vm))
	}
}

// pointOptions are the recovery points to choose from; the one asked for is there, however old it is.
func pointOptions(
	c echo.Context, pages Pages, con pointLister, chosen string, when time.Time,
) ([]views.PointOption, error) {
	list, err := con.ListPoints(c.Request().Context(), actor(c), console.PointsInput{Limit: draw.PointsOffered})
	if err != nil {
		return nil, err
	}
	clock := pages.clock()
	var out []views.PointOption
	// not listed yet, or long ago
	if !when.IsZero() && !slices.ContainsFunc(list.Points, func(point console.Point) bool { return point.ID == chosen }) {
		out = append(out, views.PointOption{
			Value:    chosen,
			Text:     clock.Second(when) + " (" + clock.Relative(when) + ")",
			Selected: true,
		})
	}
	for _, point := range list.Points {
		text := clock.Second(point.Time) + " (" + clock.Relative(point.Time) + ")"
		if !point.Protected {
			text += ", not protected"
		}
		if point.Suspect() {
			text += ", suspect"
		}
		out = append(out, views.PointOption{Value: point.ID, Text: text, Selected: point.ID == chosen})
	}
	return out, nil
}

func scopePreview(c echo.Context, pages Pages, con scopePreviewer, in console.ScopedInput, p *scope.Preview,
	skip []string) (views.ScopePreview, error) {
	in.Point = p.Point
	left := draw.Set(skip)
	n := draw.ChangesOf(p, left)
	name := cmp.Or(p.Name, in.Scope.Name())
	vm := views.ScopePreview{
		NameBare:    strings.Join(fold.Search(name).Spellings(), "\n"),
		Shell:       pages.Shell(c, "Bring back", "weddings"),
		Action:      draw.ScopedPath(in.Scope),
		Noun:        draw.ScopeNoun(in.Scope),
		Shown:       draw.ShownChoice(in, skip),
		Scope:       draw.HiddenFields(draw.ScopedFields(in.Scope)),
		Name:        name,
		What:        draw.WithArticle(in.Scope, name),
		Fingerprint: p.Fingerprint,
		Nothing:     n.All() == 0,
		NothingText: n.NothingWords(in),
		Button:      n.Button(in.Mode),
		When:        pages.clock().When(p.PointTime),
		PointURL:    draw.PointURL(p.Point),
		Missing:     in.Mode == scope.Missing,
		Wide:        in.Scope.Wide(),
		Figures:     n.Figures(),
		Impact:      draw.Impact(p, left),
		Read: "Read " + format.Count(p.ChunksRead) + " of " + format.Count(p.ChunksTotal) + " chunks in " +
			format.Seconds(p.Seconds) + ".",
	}
	vm.Address = draw.ScopedPath(in.Scope) + draw.ScopedQuery(in)
	vm.BackURL, vm.BackText = draw.ScopeBack(in)
	var err error
	if vm.Points, err = pointOptions(c, pages, con, p.Point, p.PointTime); err != nil {
		return vm, err
	}
	if vm.Touched, vm.TouchedMore, err = touched(c, con, p, left); err != nil {
		return vm, err
	}
	if vm.Notices, err = approvalNotice(c, con, in); err != nil {
		return vm, err
	}
	vm.Notices = append(vm.Notices, draw.RefusedNotices(p)...)
	if p.Untried != "" {
		vm.Notices = append(vm.Notices, ui.Notice{Tone: ui.ToneWarn, Title: "Not tried yet", Text: p.Untried})
	}
	for _, t := range p.Tables {
		if table, shown := draw.PreviewTable(t, left, draw.ComesBack); shown {
			if table.More != "" {
				table.MoreURL = draw.RowsAction(in.Scope, t.Table, draw.RowsShown)
			}
			vm.Tables = append(vm.Tables, table)
		}
	}
	vm.Elsewhere = draw.Elsewhere(left, vm.Tables)
	return vm, nil
}
