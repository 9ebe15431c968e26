package handlers

import (
	"cmp"
	"context"
	"fmt"
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
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// rowsShown is how many rows of a table a preview shows; all of them count, and all are in the JSON of the command line.
const rowsShown = 50

// pointsOffered is how many recovery points a person chooses from here; any other is reached from its own page.
const pointsOffered = 30

type weddingPreviewer interface {
	pointLister
	weddingReader
	FindDamage(ctx context.Context, actor keepsake.Actor, wedding string) (*engine.Damage, error)
	PreviewWedding(ctx context.Context, actor keepsake.Actor, in console.ScopedInput) (*scope.Preview, error)
}

type weddingRestorer interface {
	weddingPreviewer
	RestoreWedding(ctx context.Context, actor keepsake.Actor, in console.RestoreWeddingInput) (engine.ScopeResult, error)
}

type weddingRestoreReader interface {
	GetWeddingRestore(ctx context.Context, actor keepsake.Actor, restore string) (*scope.Undo, error)
}

type weddingUndoer interface {
	weddingRestoreReader
	UndoWedding(ctx context.Context, actor keepsake.Actor, restore string) (engine.ScopeResult, error)
}

func weddingURL(id string) string { return "/weddings/" + url.PathEscape(id) }

func scopedURL(restore string) string { return "/wedding-restores/" + url.PathEscape(restore) }

// scoped reads which wedding, recovery point and mode are meant; without a word it is the safe one.
func scoped(c echo.Context) console.ScopedInput {
	in := console.ScopedInput{Wedding: c.Param("id"), Point: c.FormValue("point"), Mode: scope.Mode(c.FormValue("mode"))}
	if id, err := url.PathUnescape(in.Wedding); err == nil { // the router leaves a path alone that has escapes
		in.Wedding = id
	}
	if in.Point == "" {
		in.Point = "latest"
	}
	if in.Mode == "" {
		in.Mode = scope.Missing
	}
	return in
}

// ShowWeddingPreview shows what bringing a wedding back would change. It changes nothing.
func ShowWeddingPreview(pages Pages, con weddingPreviewer) echo.HandlerFunc {
	return func(c echo.Context) error {
		in := scoped(c)
		hint := safePoint(c, pages, con, &in)
		p, err := con.PreviewWedding(c.Request().Context(), actor(c), in)
		if err != nil {
			return err
		}
		vm, err := weddingPreview(c, pages, con, in, p, nil)
		if err != nil {
			return err
		}
		vm.Notices = append(vm.Notices, hint...)
		return Render(c, http.StatusOK, views.WeddingPreviewPage(vm))
	}
}

// safePoint chooses the newest protected recovery point before the damage, where a person has chosen none, and says why. A hint
// that cannot be had costs nothing but the hint.
func safePoint(c echo.Context, pages Pages, con weddingPreviewer, in *console.ScopedInput) []ui.Notice {
	if c.QueryParam("point") != "" {
		return nil
	}
	d, err := con.FindDamage(c.Request().Context(), actor(c), in.Wedding)
	if err != nil || d == nil {
		return nil
	}
	in.Point = d.Point
	clock := pages.clock()
	until := "now"
	if !d.To.IsZero() {
		until = clock.Exact(d.To)
	}
	text := "Between " + clock.Exact(d.From) + " and " + until + ", "
	switch {
	case d.Gone > 0 && d.Changed > 0:
		text += format.Count(d.Gone) + " of " + format.Plural(d.Rows, "row", "rows") + " vanished and " + format.Count(d.Changed) + " changed."
	case d.Gone > 0:
		text += format.Count(d.Gone) + " of " + format.Plural(d.Rows, "row", "rows") + " vanished."
	default:
		text += format.Count(d.Changed) + " of " + format.Plural(d.Rows, "row", "rows") + " changed."
	}
	return []ui.Notice{{Tone: ui.ToneWarn, Title: "This is where rows went missing", Text: text + " The newest safe recovery point before that is chosen below."}}
}

// impact says what is at stake for the wedding: how soon it is, whom and what the changes touch, how long it takes.
func impact(c echo.Context, con weddingReader, wedding string, p *scope.Preview) []ui.Figure {
	var vendors, payments int64
	for _, t := range p.Tables {
		insert, update, remove, _ := t.Counts()
		switch _, name, _ := strings.Cut(t.Table, "."); {
		case strings.Contains(name, "supplier") || strings.Contains(name, "vendor"):
			vendors += insert + update + remove
		case strings.Contains(name, "payment"):
			payments += insert + update + remove
		}
	}
	var out []ui.Figure
	if t, err := con.GetWedding(c.Request().Context(), actor(c), wedding); err == nil { // the comparison stands without it
		out = append(out, ui.Figure{Label: "The wedding", Value: away(t.DaysLeft), Hint: format.Title(string(t.Phase)) + " · " + strings.ToLower(string(t.Urgency))})
	}
	return append(out,
		ui.Figure{Label: "Vendors touched", Value: format.Count(vendors)}, ui.Figure{Label: "Payments touched", Value: format.Count(payments)},
		ui.Figure{Label: "Takes", Value: "about " + format.Duration(max(time.Second, time.Duration(2*p.Seconds*float64(time.Second)).Round(time.Second))), Hint: "from what the comparison took"})
}

func rowsURL(in console.ScopedInput, table string, from int) string {
	return weddingURL(in.Wedding) + "/restore/rows?" + url.Values{"point": {in.Point}, "mode": {string(in.Mode)}, "table": {table}, "from": {strconv.Itoa(from)}}.Encode()
}

// ShowWeddingRows shows the rows of one table of a preview that its page has no room for, a page at a time.
func ShowWeddingRows(pages Pages, con weddingPreviewer) echo.HandlerFunc {
	return func(c echo.Context) error {
		in, name := scoped(c), c.QueryParam("table")
		from, err := strconv.Atoi(c.QueryParam("from"))
		if err != nil || from < 0 {
			return keepsake.Errorf(keepsake.CodeInvalid, "This page of the list does not exist: begin with the first.")
		}
		p, err := con.PreviewWedding(c.Request().Context(), actor(c), in)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(p.Tables, func(t scope.TableChanges) bool { return t.Table == name })
		if i < 0 {
			return keepsake.Errorf(keepsake.CodeNotFound, "The comparison has no such table.")
		}
		in.Point = p.Point
		back := weddingURL(in.Wedding) + "/restore?" + url.Values{"point": {p.Point}, "mode": {string(in.Mode)}}.Encode()
		vm := views.WeddingRows{Shell: pages.Shell(c, "Rows of a comparison", "weddings"), Name: cmp.Or(p.Name, in.Wedding), BackURL: back}
		vm.Table, _ = previewRows(p.Tables[i], nil, comesBack, from)
		vm.Count = fmt.Sprintf("rows %s to %s of %s", format.Count(int64(min(from+1, len(p.Tables[i].Changes)))), format.Count(int64(min(from+rowsShown, len(p.Tables[i].Changes)))), format.Count(int64(len(p.Tables[i].Changes))))
		if from > 0 {
			vm.First = rowsURL(in, name, 0)
		}
		if vm.Table.More != "" {
			vm.Next = rowsURL(in, name, from+rowsShown)
		}
		vm.Table.More = ""
		return Render(c, http.StatusOK, views.WeddingRowsPage(vm))
	}
}

// RestoreWedding makes the changes of a preview, when what was typed is the wedding's name and the preview is still true.
func RestoreWedding(pages Pages, con weddingRestorer) echo.HandlerFunc {
	return func(c echo.Context) error {
		form, err := c.FormParams()
		if err != nil {
			return keepsake.Errorf(keepsake.CodeInvalid, "the form could not be read; send it again: %w", err)
		}
		in := console.RestoreWeddingInput{ScopedInput: scoped(c), Fingerprint: form.Get("fingerprint"), Name: form.Get("name"),
			Confirmation: strings.TrimSpace(form.Get("confirm")), Skip: form["skip"]}
		r, err := con.RestoreWedding(c.Request().Context(), actor(c), in)
		switch code := keepsake.CodeOf(err); {
		case err == nil:
			return redirect(c, scopedURL(r.Restore))
		case code != keepsake.CodeInvalid && code != keepsake.CodeConflict:
			return err
		default:
			p, failed := r.Preview, error(nil)
			if p == nil {
				p, failed = con.PreviewWedding(c.Request().Context(), actor(c), in.ScopedInput)
			}
			if failed != nil {
				return failed
			}
			vm, failed := weddingPreview(c, pages, con, in.ScopedInput, p, in.Skip)
			if failed != nil {
				return failed
			}
			if code == keepsake.CodeInvalid {
				vm.Error = "That is not the name. Type it exactly as it stands above; nothing was changed."
				return Render(c, http.StatusUnprocessableEntity, views.WeddingPreviewPage(vm))
			}
			vm.Notices = append(vm.Notices, ui.Notice{Tone: ui.ToneWarn, Title: "Nothing was changed", Text: sentence(keepsake.MessageOf(err))})
			return Render(c, http.StatusConflict, views.WeddingPreviewPage(vm))
		}
	}
}

// ShowWeddingRestore shows what a restore into the live platform changed, and offers to take it back.
func ShowWeddingRestore(pages Pages, con weddingRestoreReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		u, err := con.GetWeddingRestore(c.Request().Context(), actor(c), c.Param("id"))
		if err != nil {
			return err
		}
		return Render(c, http.StatusOK, views.WeddingRestorePage(weddingRestore(c, pages, u, nil)))
	}
}

// UndoWedding takes a restore back.
func UndoWedding(pages Pages, con weddingUndoer) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, err := con.UndoWedding(c.Request().Context(), actor(c), c.Param("id"))
		if code := keepsake.CodeOf(err); err != nil && code != keepsake.CodeConflict && code != keepsake.CodeUnavailable {
			return err
		} else if err != nil {
			u, failed := con.GetWeddingRestore(c.Request().Context(), actor(c), c.Param("id"))
			if failed != nil {
				return failed
			}
			vm := weddingRestore(c, pages, u, nil)
			vm.Notices = []ui.Notice{{Tone: ui.ToneBad, Title: "Nothing was taken back", Text: sentence(keepsake.MessageOf(err))}}
			return Render(c, http.StatusConflict, views.WeddingRestorePage(vm))
		}
		if len(r.Refused) == 0 {
			return redirect(c, scopedURL(r.Restore))
		}
		u, err := con.GetWeddingRestore(c.Request().Context(), actor(c), r.Restore)
		if err != nil {
			return err
		}
		return Render(c, http.StatusOK, views.WeddingRestorePage(weddingRestore(c, pages, u, r.Refused)))
	}
}

func weddingPreview(c echo.Context, pages Pages, con weddingPreviewer, in console.ScopedInput, p *scope.Preview, skip []string) (views.WeddingPreview, error) {
	list, err := con.ListPoints(c.Request().Context(), actor(c), console.PointsInput{Limit: pointsOffered})
	if err != nil {
		return views.WeddingPreview{}, err
	}
	insert, update, remove, refused := p.Totals()
	vm := views.WeddingPreview{
		Shell: pages.Shell(c, "Bring a wedding back", "weddings"), BackURL: weddingURL(in.Wedding), Action: weddingURL(in.Wedding) + "/restore",
		Name: p.Name, Point: p.Point, Mode: string(in.Mode), Fingerprint: p.Fingerprint, Nothing: insert+update+remove == 0,
		When: pages.clock().When(p.PointTime), PointURL: pointURL(p.Point), Missing: in.Mode == scope.Missing,
		Figures: []ui.Figure{
			{Label: "Brought back", Value: format.Count(insert)}, {Label: "Changed back", Value: format.Count(update)},
			{Label: "Removed", Value: format.Count(remove)}, {Label: "Refused", Value: format.Count(refused)},
		},
		Read: "Read " + format.Count(p.ChunksRead) + " of " + format.Count(p.ChunksTotal) + " chunks in " + format.Seconds(p.Seconds) + ".",
	}
	if vm.Name == "" {
		vm.Name = in.Wedding
	}
	vm.Impact = impact(c, con, in.Wedding, p)
	if !slices.ContainsFunc(list.Points, func(point console.Point) bool { return point.ID == p.Point }) { // not listed yet, or long ago
		vm.Points = append(vm.Points, views.PointOption{Value: p.Point, Text: pages.clock().Exact(p.PointTime) + " (" + pages.clock().Relative(p.PointTime) + ")", Selected: true})
	}
	for _, point := range list.Points {
		text := pages.clock().Exact(point.Time) + " (" + pages.clock().Relative(point.Time) + ")"
		if !point.Protected {
			text += ", not protected"
		}
		vm.Points = append(vm.Points, views.PointOption{Value: point.ID, Text: text, Selected: point.ID == p.Point})
	}
	left := map[string]bool{}
	for _, s := range skip {
		left[s] = true
	}
	for _, t := range p.Tables {
		if table, any := previewTable(t, left, comesBack); any {
			if table.More != "" {
				table.MoreURL = rowsURL(in, t.Table, rowsShown)
			}
			vm.Tables = append(vm.Tables, table)
		}
	}
	return vm, nil
}

// changeWords say what happens, or happened, to a row, and to how many.
type changeWords struct {
	insert, update, remove string
	sum                    string // of inserted, updated, removed, unchanged and refused rows
	newer                  bool   // the live row is the newer one
}

var (
	comesBack = changeWords{"comes back", "changes back", "is removed", "%[1]s back · %[2]s changed · %[3]s removed · %[4]s unchanged · %[5]s refused", true}
	wasDone   = changeWords{"brought back", "changed back", "removed", "%[1]s back · %[2]s changed · %[3]s removed", false}
	happened  = changeWords{"was added", "was changed", "was removed", "%[1]s added · %[2]s changed · %[3]s removed", false}
)

func previewTable(t scope.TableChanges, left map[string]bool, words changeWords) (views.PreviewTable, bool) {
	return previewRows(t, left, words, 0)
}

// previewRows draws a table's rows from the one with the number from on.
func previewRows(t scope.TableChanges, left map[string]bool, words changeWords, from int) (views.PreviewTable, bool) {
	insert, update, remove, refused := t.Counts()
	schema, name, _ := strings.Cut(t.Table, ".")
	counts := []any{}
	for _, n := range []int64{insert, update, remove, t.Unchanged, refused} {
		counts = append(counts, format.Count(n))
	}
	out := views.PreviewTable{Name: format.Table(schema, name), Sum: fmt.Sprintf(words.sum, counts...), Shared: t.Belongs == scope.Shared && words.newer, Notes: t.Notes}
	for i, c := range t.Changes[min(from, len(t.Changes)):] {
		if i == rowsShown {
			out.More = format.Plural(int64(len(t.Changes)-from-rowsShown), "more row", "more rows")
			break
		}
		key := t.KeyText(c)
		row := views.PreviewRow{Value: console.RowName(t.Table, key), Key: key, Refused: c.Refused, LeftOut: left[console.RowName(t.Table, key)]}
		switch c.Op {
		case scope.Insert:
			row.What = ui.Chip{Tone: ui.ToneOK, Text: words.insert}
		case scope.Update:
			row.What, row.Newer = ui.Chip{Tone: ui.ToneWarn, Text: words.update}, words.newer
		default:
			row.What, row.Newer = ui.Chip{Tone: ui.ToneBad, Text: words.remove}, words.newer
		}
		row.Cells = previewCells(t, c)
		out.Rows = append(out.Rows, row)
	}
	return out, len(t.Changes) > 0 || len(t.Notes) > 0
}

// previewCells are the values that differ, or all of a row that comes or goes.
func previewCells(t scope.TableChanges, c scope.Change) []views.PreviewCell {
	var out []views.PreviewCell
	for i, col := range t.Columns {
		cell := views.PreviewCell{Column: col.Name}
		if c.Before != nil {
			cell.Before = cellText(c.Before[i])
		}
		if c.After != nil {
			cell.After = cellText(c.After[i])
		}
		if c.Op == scope.Update {
			if cell.Changed = cell.Before != cell.After || !sameText(c.Before[i], c.After[i]); !cell.Changed {
				continue
			}
		}
		out = append(out, cell)
	}
	return out
}

func sameText(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

// cellText is a value for people, short.
func cellText(v *string) string {
	if v == nil {
		return "—"
	}
	const most = 120
	if r := []rune(*v); len(r) > most {
		return string(r[:most]) + "…"
	}
	return *v
}

func weddingRestore(c echo.Context, pages Pages, u *scope.Undo, refused []string) views.WeddingRestore {
	vm := views.WeddingRestore{
		Shell: pages.Shell(c, "Restore of a wedding", "weddings"), ID: u.Restore, Name: u.Name, BackURL: weddingURL(u.ID), Action: scopedURL(u.Restore) + "/undo",
		When: pages.clock().When(u.Time), LeftAlone: refused, Title: "Brought back", Undo: u.Of != "",
	}
	if u.Of != "" {
		vm.Title, vm.OfURL = "Taken back", scopedURL(u.Of)
	}
	var insert, update, remove int64
	for _, t := range u.Tables {
		table, _ := previewTable(t, nil, wasDone)
		i, up, d, _ := t.Counts()
		insert, update, remove = insert+i, update+up, remove+d
		vm.Tables = append(vm.Tables, table)
	}
	vm.Figures = []ui.Figure{{Label: "Inserted", Value: format.Count(insert)}, {Label: "Updated", Value: format.Count(update)}, {Label: "Deleted", Value: format.Count(remove)}}
	vm.Facts = []ui.Fact{{Label: "Recovery point", Value: u.Point}, {Label: "Restore", Value: u.Restore}, {Label: "Mode", Value: modeWords(u.Mode)}}
	return vm
}

func modeWords(m scope.Mode) string {
	if m == scope.Rewind {
		return "rewind: everything as it was"
	}
	return "bring back what is missing"
}
