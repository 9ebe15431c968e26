package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/fold"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

const (
	// pointsOffered is how many recovery points a person chooses from here; any other is reached from its own page.
	pointsOffered = 30
	// weddingsNamed is how many weddings a preview names that it touches; the others are counted.
	weddingsNamed = 10
)

type damageFinder interface {
	FindDamage(ctx context.Context, actor keepsake.Actor, wedding string) (*engine.Damage, error)
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

// ShowScopePreview shows what bringing something back into the live platform would change. It changes nothing. Posted,
// it keeps the rows that were ticked off.
func ShowScopePreview(pages Pages, con scopePreviewer) echo.HandlerFunc {
	return func(c echo.Context) error {
		in, err := scoped(c)
		if err != nil {
			return err
		}
		if !named(in) && !con.Platform(c.Request().Context()).Writable() {
			return cannotBringBack(c, pages, con, in, keepsake.Errorf(keepsake.CodeUnavailable, "%s", con.KnownPlatform().Words))
		}
		if !named(in) {
			return showScopeChoice(c, pages, con, in)
		}
		hint := safePoint(c, pages, con, &in)
		p, err := con.PreviewScope(c.Request().Context(), actor(c), in)
		if err != nil {
			return cannotPreview(c, pages, con, in, err)
		}
		vm, err := scopePreview(c, pages, con, in, p, c.Request().Form["skip"])
		if err != nil {
			return err
		}
		vm.Notices = append(append(vm.Notices, hint...), proofNotice(c, pages, "restoring")...)
		return Render(c, http.StatusOK, views.ScopePreviewPage(vm))
	}
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
	vm := views.ScopeChoice{Shell: pages.Shell(c, "Bring back", "points"), Action: platformRestore, Points: options}
	tables := map[keepsake.Tier]string{ // what each is for; which tables it holds, the point's page says
		keepsake.TierCritical: "Who people are: accounts, suppliers, clients, organizations",
		keepsake.TierHigh:     "What they do: forms, journeys, files, payments",
		keepsake.TierStandard: "Everything else",
	}
	for _, t := range keepsake.Tiers() {
		vm.Tiers = append(vm.Tiers, views.TierOption{Value: string(t), Name: format.Title(string(t)) + " tier",
			Text: tables[t], Checked: t == keepsake.TierCritical})
	}
	return Render(c, http.StatusOK, views.ScopeChoicePage(vm))
}

// safePoint chooses the newest protected recovery point before the damage, where a person has chosen none, and says
// why, or that damage could not be looked for.
func safePoint(c echo.Context, pages Pages, con scopePreviewer, in *console.ScopedInput) []ui.Notice {
	if c.FormValue("point") != "" || in.Wedding == "" {
		return nil
	}
	d, err := con.FindDamage(c.Request().Context(), actor(c), in.Wedding)
	if err != nil {
		return []ui.Notice{{Tone: ui.ToneWarn, Title: "Nobody looked for missing rows",
			Text: "The newest recovery point is chosen below, and may be from after a damage: look at what it would change, " +
				"or choose an older one." + hintFailed(err)}}
	}
	if d == nil {
		return nil
	}
	in.Point = d.Point
	text := DamageWords(d, pages.clock()) + " The " + newestBefore(d) + " recovery point before that, " +
		pages.clock().Second(d.From) + ", is chosen below." + unsafeWords(d)
	return []ui.Notice{{Tone: ui.ToneWarn, Title: "This is where rows went missing", Text: text}}
}

// newestBefore is what the recovery point before a damage is called: safe only where that is known.
func newestBefore(d *engine.Damage) string {
	if d.Safe {
		return "newest safe"
	}
	return "newest"
}

// beforeIt is the same in a link.
func beforeIt(d *engine.Damage) string {
	if d.Safe {
		return "safe one"
	}
	return "one from before"
}

// unsafeWords say why it is not called safe, as a sentence that follows others.
func unsafeWords(d *engine.Damage) string {
	if d.Safe {
		return ""
	}
	return " It is not fully protected, or a test of it failed, and no older one is better: look at what it holds " +
		"before you rely on it."
}

// DamageWords say when how many rows of a wedding vanished or changed.
func DamageWords(d *engine.Damage, clock format.Clock) string {
	until := "now"
	if !d.To.IsZero() {
		until = clock.Second(d.To)
	}
	text := "Between " + clock.Second(d.From) + " and " + until + ", "
	switch {
	case d.Gone > 0 && d.Changed > 0:
		return text + format.Count(d.Gone) + " of " + format.Plural(d.Rows, "row", "rows") + " vanished and " +
			format.Count(d.Changed) + " changed."
	case d.Gone > 0:
		return text + format.Count(d.Gone) + " of " + format.Plural(d.Rows, "row", "rows") + " vanished."
	default:
		return text + format.Count(d.Changed) + " of " + format.Plural(d.Rows, "row", "rows") + " changed."
	}
}

// PointWhy says to scripts where a wedding lost rows, and which recovery point was taken; named is what they asked for.
func PointWhy(d *engine.Damage, named string) string {
	var clock format.Clock
	safe := d.Point + " (" + clock.Second(d.From) + ")"
	switch {
	case named == "":
		return "This wedding lost rows. " + DamageWords(d, clock) + " No recovery point was named, so the " +
			newestBefore(d) + " one before that was taken: " + safe + "." + unsafeWords(d)
	case d.To.IsZero():
		return "This wedding lost rows. " + DamageWords(d, clock) + " The " + newestBefore(d) +
			" recovery point before that is " + safe + "." + unsafeWords(d)
	default:
		return "This wedding lost rows between two recovery points. " + DamageWords(d, clock) +
			" The latest, which was named, does not hold them. The " + newestBefore(d) + " one before that is " + safe + "." +
			unsafeWords(d)
	}
}

// PointUnsure says to scripts that nobody knows whether the latest recovery point, which was taken, is from after a
// damage.
func PointUnsure(err error) string {
	return "Whether this wedding has lost rows could not be found out, so the latest recovery point was taken, which " +
		"may be from after a damage." + hintFailed(err)
}

// hintFailed says why a hint cannot be had, as a sentence that follows others; nothing of what was not written for
// people.
func hintFailed(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return " Looking took too long."
	case keepsake.CodeOf(err) == keepsake.CodeInternal:
		return ""
	}
	return " " + keepsake.Sentence(keepsake.MessageOf(err))
}

// impact says what is at stake: whom and what the changes touch, and how long they take.
func impact(p *scope.Preview, left map[string]bool) []ui.Figure {
	var vendors, payments int64
	for _, t := range p.Tables {
		switch _, name := keepsake.SplitTableName(t.Table); {
		case strings.Contains(name, "supplier") || strings.Contains(name, "vendor"):
			vendors += changesIn(t, left).all()
		case strings.Contains(name, "payment"):
			payments += changesIn(t, left).all()
		}
	}
	return []ui.Figure{{Label: "Weddings touched", Value: format.Count(int64(len(p.Touched(leftOut(left)))))},
		{Label: "Vendors touched", Value: format.Count(vendors)}, {Label: "Payments touched", Value: format.Count(payments)},
		{Label: "Takes", Value: "about " + format.Duration(
			max(time.Second, time.Duration(2*p.Seconds*float64(time.Second)).Round(time.Second))),
			Hint: "from what the comparison took"}}
}

// touched names the weddings that the changes touch, the nearest first.
func touched(c echo.Context, con scopePreviewer, p *scope.Preview, left map[string]bool) (list []views.TouchedWedding,
	more string, err error) {
	rows := p.Touched(leftOut(left))
	ids := slices.Sorted(maps.Keys(rows))
	if len(ids) == 0 {
		return nil, "", nil
	}
	found, err := con.WeddingsByID(c.Request().Context(), actor(c), ids)
	for _, w := range found[:min(len(found), weddingsNamed)] {
		list = append(list, views.TouchedWedding{Wedding: weddingOf(w), Rows: format.Plural(rows[w.ID], "row", "rows")})
	}
	if rest := len(ids) - len(list); rest > 0 && len(list) > 0 {
		more = "and " + format.Plural(int64(rest), "more wedding", "more weddings")
	}
	return list, more, err
}

// rowsAction is where further rows of a table are shown.
func rowsAction(in console.ScopedInput, table string, from int) string {
	return scopedPath(in) + "/rows?" + url.Values{"table": {table}, "from": {strconv.Itoa(from)}}.Encode()
}

// ShowScopeRows shows the rows of one table of a preview that its page has no room for, a page at a time. What was
// ticked off on other pages travels along.
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
		left := set(c.Request().Form["skip"])
		all := p.Tables[i].Changes
		vm := views.ScopeRows{Shell: pages.Shell(c, "Rows of a comparison", "weddings"), Name: cmp.Or(p.Name, in.Wedding),
			Fields: fields(in), Action: scopedPath(in) + "/review"}
		vm.Table, _ = previewRows(p.Tables[i], left, comesBack, from)
		vm.Count = fmt.Sprintf("rows %s to %s of %s", format.Count(int64(min(from+1, len(all)))),
			format.Count(int64(min(from+rowsShown, len(all)))), format.Count(int64(len(all))))
		vm.Elsewhere = elsewhere(left, []views.PreviewTable{vm.Table})
		if from > 0 {
			vm.First = rowsAction(in, name, 0)
		}
		if vm.Table.More != "" {
			vm.Next = rowsAction(in, name, from+rowsShown)
		}
		vm.Table.More = ""
		return Render(c, http.StatusOK, views.ScopeRowsPage(vm))
	}
}

func set(list []string) map[string]bool {
	out := map[string]bool{}
	for _, s := range list {
		out[s] = true
	}
	return out
}

// elsewhere are the ticks that no checkbox of the page carries.
func elsewhere(left map[string]bool, tables []views.PreviewTable) []string {
	here := map[string]bool{}
	for _, t := range tables {
		here[t.AllValue] = true
		for _, r := range t.Rows {
			here[r.Value] = true
		}
	}
	var out []string
	for name := range left {
		if !here[name] {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// fields are the hidden fields that name a comparison again.
func fields(in console.ScopedInput) []views.Field {
	out := []views.Field{{Name: "point", Value: in.Point}, {Name: "mode", Value: string(in.Mode)}}
	return append(out, hiddenFields(scopedFields(in))...)
}

// pointOptions are the recovery points to choose from; the one asked for is there, however old it is.
func pointOptions(
	c echo.Context, pages Pages, con pointLister, chosen string, when time.Time,
) ([]views.PointOption, error) {
	list, err := con.ListPoints(c.Request().Context(), actor(c), console.PointsInput{Limit: pointsOffered})
	if err != nil {
		return nil, err
	}
	clock := pages.clock()
	var out []views.PointOption
	// not listed yet, or long ago
	if !when.IsZero() && !slices.ContainsFunc(list.Points, func(point console.Point) bool { return point.ID == chosen }) {
		out = append(out, views.PointOption{Value: chosen, Text: clock.Second(when) + " (" + clock.Relative(when) + ")",
			Selected: true})
	}
	for _, point := range list.Points {
		text := clock.Second(point.Time) + " (" + clock.Relative(point.Time) + ")"
		if !point.Protected {
			text += ", not protected"
		}
		out = append(out, views.PointOption{Value: point.ID, Text: text, Selected: point.ID == chosen})
	}
	return out, nil
}

func scopePreview(c echo.Context, pages Pages, con scopePreviewer, in console.ScopedInput, p *scope.Preview,
	skip []string) (views.ScopePreview, error) {
	in.Point = p.Point
	left := set(skip)
	n := changesOf(p, left)
	name := cmp.Or(p.Name, in.Wedding, in.Organization)
	vm := views.ScopePreview{
		NameBare: strings.Join(fold.Search(name).Spellings(), "\n"),
		Shell:    pages.Shell(c, "Bring back", "weddings"), Action: scopedPath(in), Noun: scopeNoun(in),
		Shown: shownChoice(in, skip), Scope: hiddenFields(scopedFields(in)),
		Name: name, Fingerprint: p.Fingerprint, Nothing: n.all() == 0, NothingText: n.nothingWords(in),
		Button: n.button(in.Mode),
		When:   pages.clock().When(p.PointTime), PointURL: pointURL(p.Point), Missing: in.Mode == scope.Missing,
		Wide:    in.Wedding == "" && in.Organization == "",
		Figures: n.figures(), Impact: impact(p, left),
		Read: "Read " + format.Count(p.ChunksRead) + " of " + format.Count(p.ChunksTotal) + " chunks in " +
			format.Seconds(p.Seconds) + ".",
	}
	vm.Address = scopedPath(in) + scopedQuery(in)
	vm.BackURL, vm.BackText = scopeBack(in)
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
	for _, t := range p.Tables {
		if table, shown := previewTable(t, left, comesBack); shown {
			if table.More != "" {
				table.MoreURL = rowsAction(in, t.Table, rowsShown)
			}
			vm.Tables = append(vm.Tables, table)
		}
	}
	vm.Elsewhere = elsewhere(left, vm.Tables)
	return vm, nil
}

func hiddenFields(values url.Values) (out []views.Field) {
	for name, list := range values {
		for _, v := range list {
			out = append(out, views.Field{Name: name, Value: v})
		}
	}
	return out
}
