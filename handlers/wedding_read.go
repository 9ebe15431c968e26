package handlers

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

type weddingAtReader interface {
	platformKnower
	pointLister
	FindContacts(ctx context.Context, actor keepsake.Actor, wedding, point string) (console.WeddingContacts, error)
	LookAtWedding(ctx context.Context, actor keepsake.Actor, wedding, point string) (console.WeddingLook, error)
	GetWeddingAt(ctx context.Context, actor keepsake.Actor, wedding, point string) (engine.WeddingAt, error)
}

// contactsAt reads the vendors of the wedding that a page is about from the point it names, or the newest that has
// them.
func contactsAt(c echo.Context, con weddingAtReader) (console.WeddingContacts, string, error) {
	id := weddingParam(c)
	w, err := con.FindContacts(c.Request().Context(), actor(c), id, c.QueryParam("point"))
	if w.Name == "" {
		w.Name = id
	}
	return w, id, err
}

// ShowWeddingContacts shows the vendors of a wedding, straight from a recovery point.
func ShowWeddingContacts(pages Pages, con weddingAtReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		w, id, err := contactsAt(c, con)
		if err != nil {
			return nothingSavedYet(c, pages, con, http.StatusOK, err)
		}
		vm := views.Contacts{Shell: pages.Shell(c, "Vendor contacts", "emergency"), Name: w.Name,
			When: pages.clock().When(w.Time), PointURL: pointURL(w.Point),
			CSV: weddingURL(id) + "/contacts.csv?point=" + url.QueryEscape(w.Point), VCard: weddingURL(id) +
				"/contacts.vcf?point=" + url.QueryEscape(w.Point),
			WeddingURL: weddingURL(id)}
		if con.Platform(c.Request().Context()).Writable() && !vm.Shell.Standby {
			vm.RestoreURL = weddingURL(id) + "/restore"
		}
		if len(w.Lost) > 0 {
			vm.Notices = lostVendors(w, pages.clock())
			vm.CSV, vm.VCard = weddingURL(id)+"/contacts.csv", weddingURL(id)+"/contacts.vcf" // of no single point
		}
		for _, x := range w.Contacts {
			vm.List = append(vm.List, views.Contact{Kind: format.Title(strings.ReplaceAll(x.Kind, "_", " ")), Name: x.Name,
				Who: x.Who, Phone: x.Phone, Tel: "tel:" + dialled(x.Phone),
				Email: x.Email, Mail: "mailto:" + x.Email, Place: x.Place})
		}
		return Render(c, http.StatusOK, views.ContactsPage(vm))
	}
}

// lostVendors says which vendors the newest recovery point does not have, and from when what is shown of them is.
func lostVendors(w console.WeddingContacts, clock format.Clock) []ui.Notice {
	n := ui.Notice{Tone: ui.ToneWarn, Title: "These vendors are from before the damage",
		Text: "The newest recovery point has lost " + format.Plural(int64(len(w.Lost)), "vendor", "vendors") +
			" of this wedding"}
	if len(w.Lost) < len(w.Contacts) {
		names := make([]string, len(w.Lost))
		for i, x := range w.Lost {
			names[i] = x.Name
		}
		n.Title = "Some of these vendors are from before the damage"
		n.Text += ": " + format.Names(names, 6)
	}
	n.Text += ". What you see of them is from the recovery point of " + clock.Second(w.LostFrom) + "."
	return []ui.Notice{n}
}

// dialled keeps what a telephone dials.
func dialled(phone string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '+' {
			return r
		}
		return -1
	}, phone)
}

// DownloadWeddingContacts sends the vendors for a spreadsheet (.csv) or a phone (.vcf).
func DownloadWeddingContacts(pages Pages, con weddingAtReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		w, _, err := contactsAt(c, con)
		if err != nil {
			return nothingSavedYet(c, pages, con, http.StatusNotFound, err)
		}
		var b bytes.Buffer
		kind, name := "text/csv; charset=utf-8", "contacts.csv"
		write := scope.ContactsCSV
		if strings.HasSuffix(c.Path(), ".vcf") {
			kind, name, write = "text/vcard; charset=utf-8", "contacts.vcf", scope.ContactsVCard
		}
		if err := write(&b, w.Contacts); err != nil {
			return err
		}
		c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`"`)
		return c.Blob(http.StatusOK, kind, b.Bytes())
	}
}

// ShowWeddingThen shows a wedding's rows as they were.
func ShowWeddingThen(pages Pages, con weddingAtReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := weddingParam(c)
		w, err := con.LookAtWedding(c.Request().Context(), actor(c), id, c.QueryParam("point"))
		if err != nil {
			return nothingSavedYet(c, pages, con, http.StatusOK, err)
		}
		w.Name = cmp.Or(w.Name, id)
		point := url.QueryEscape(w.Point)
		vm := views.WeddingThen{Shell: pages.Shell(c, "A wedding as it was", "weddings"), Name: w.Name,
			When: pages.clock().When(w.Time), PointURL: pointURL(w.Point),
			BackURL: weddingURL(id), BackText: "To the wedding", CSV: weddingURL(id) + "/export?format=csv&point=" + point,
			JSON:        weddingURL(id) + "/export?format=json&point=" + point,
			ContactsURL: weddingURL(id) + "/contacts?point=" + point, Read: "Read " + format.Count(w.ChunksRead) + " of " +
				format.Count(w.ChunksTotal) + " chunks."}
		if w.Platform.Writable() && !vm.Shell.Standby {
			vm.BackURL, vm.BackText = weddingURL(id)+"/restore?point="+point, "Compare with now"
		}
		vm.Notices = lookNotices(w, weddingURL(id)+"/then", pages.clock())
		for _, t := range w.Tables {
			if now := w.Now[t.Table]; len(t.Rows) > 0 || now > 0 {
				table := thenTable(t)
				if w.Now != nil {
					table.Count = format.Count(now) + " now, " + format.Count(int64(len(t.Rows))) + " before"
				}
				vm.Tables = append(vm.Tables, table)
			}
		}
		return Render(c, http.StatusOK, views.WeddingThenPage(vm))
	}
}

func thenTable(t scope.TableRows) views.ThenTable {
	out := views.ThenTable{Name: format.Title(format.TableOf(t.Table)),
		Count: format.Plural(int64(len(t.Rows)), "row", "rows"), Shared: t.Belongs == scope.Shared}
	for _, c := range t.Columns {
		out.Columns = append(out.Columns, c.Name)
	}
	for i, row := range t.Rows {
		if i == rowsShown {
			out.More = format.Plural(int64(len(t.Rows)-rowsShown), "more row", "more rows")
			break
		}
		cells := make([]string, len(row))
		for j, v := range row {
			cells[j] = cellText(v)
		}
		out.Rows = append(out.Rows, cells)
	}
	return out
}

type scopeExporter interface {
	pointLister
	GetPoint(ctx context.Context, actor keepsake.Actor, id string) (console.PointDetail, error)
	damageFinder
	ExportScope(ctx context.Context, actor keepsake.Actor, in console.ScopedInput, format string, w io.Writer) error
}

// ExportScope sends a wedding, an organization, tiers or everything as it was as a ZIP, made while it is sent and never
// on disk. What goes wrong before the first byte is an ordinary error; later the download breaks off, which no ZIP
// reader takes for whole.
func ExportScope(pages Pages, con scopeExporter) echo.HandlerFunc {
	return func(c echo.Context) error {
		in, err := scoped(c)
		if err != nil {
			return err
		}
		kind := c.QueryParam("format")
		if err := scope.CheckFormat(kind); err != nil {
			return err
		}
		in.Point = exported(c, con, in)
		out := &download{c: c, name: exportName(in, kind), kind: "application/zip"}
		err = con.ExportScope(c.Request().Context(), actor(c), in, kind, out)
		if err != nil && out.begun {
			panic(http.ErrAbortHandler) // the connection breaks off: a half archive must not look like an answer
		}
		if err != nil {
			return nothingSavedYet(c, pages, con, http.StatusNotFound, err)
		}
		return nil
	}
}

// exported is the recovery point of a download: the one that was named, or of a wedding the newest safe one before its
// newest damage.
func exported(c echo.Context, con scopeExporter, in console.ScopedInput) string {
	if c.FormValue("point") == "" && in.Wedding != "" {
		if d, err := con.FindDamage(c.Request().Context(), actor(c), in.Wedding); err == nil && d != nil {
			return d.Point
		}
	}
	if in.Point == "latest" { // its name says of when it is
		if p, err := con.GetPoint(c.Request().Context(), actor(c), in.Point); err == nil && p.Point.ID != "" {
			return p.Point.ID
		}
	}
	return in.Point
}

// exportName is the name of a download, with the moment that a recovery point's id begins with.
func exportName(in console.ScopedInput, kind string) string {
	moment, _, _ := strings.Cut(in.Point, "-")
	for _, r := range moment {
		if r != 'T' && r != 'Z' && (r < '0' || r > '9') {
			moment = "latest"
			break
		}
	}
	return scopeNoun(in) + "-" + moment + "-" + kind + ".zip"
}

// download sends its head with the first byte.
type download struct {
	c     echo.Context
	name  string
	kind  string
	begun bool
}

func (d *download) Write(p []byte) (int, error) {
	if !d.begun {
		d.begun = true
		h := d.c.Response().Header()
		h.Set(echo.HeaderContentType, d.kind)
		h.Set(echo.HeaderContentDisposition, `attachment; filename="`+d.name+`"`)
		h.Set(echo.HeaderCacheControl, "no-store")
		d.c.Response().WriteHeader(http.StatusOK)
	}
	return d.c.Response().Write(p)
}

type emergencyReader interface {
	Emergency(ctx context.Context, actor keepsake.Actor) (console.Dashboard, error)
}

// ShowEmergency is the page for somebody who needs one wedding now.
func ShowEmergency(pages Pages, con emergencyReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		d, err := con.Emergency(c.Request().Context(), actor(c))
		if err != nil {
			return err
		}
		vm := views.Emergency{Shell: pages.Shell(c, "Emergency", "emergency")}
		vm.Notices, vm.Waiting = emergencyNotices(d, vm.Shell, pages.clock()), !d.Platform.Writable()
		newest := ""
		if d.Newest != nil {
			newest = d.Newest.ID
			vm.Newest, vm.NewestURL = pages.clock().When(d.Newest.Time), pointURL(d.Newest.ID)
			vm.WholeURL = pointURL(d.Newest.ID) + "/restore"
			critical := console.ScopedInput{Tiers: []keepsake.Tier{keepsake.TierCritical}, Point: d.Newest.ID,
				Mode: scope.Missing}
			if d.Platform.Writable() {
				vm.CriticalURL = scopedPath(critical) + scopedQuery(critical)
			}
		}
		for _, o := range d.Running {
			if o.Kind == console.KindRestore || o.Kind == console.KindScoped {
				vm.Running = append(vm.Running, operationRow(o, pages.clock()))
			}
		}
		listEmergency(&vm, d, newest)
		return Render(c, http.StatusOK, views.EmergencyPage(vm))
	}
}

// emergencyNotices say what keeps the platform from helping, what stands here instead, and what to do before the first
// backup.
func emergencyNotices(d console.Dashboard, shell views.Shell, clock format.Clock) (out []ui.Notice) {
	n, trouble := platformNotice(d.Platform.Kind)
	switch {
	case d.Platform.WithoutWeddings: // the banner says it
	case d.WeddingsMissing != "" && d.WeddingsFrom.IsZero():
		n = ui.Notice{Tone: ui.ToneBad, Title: "Neither the platform nor a recovery point could be read for weddings",
			Text: sentence(d.WeddingsMissing) +
				" Reload this page in a minute. Call whoever runs the servers; nothing of what is stored is lost by this."}
		out = append(out, n)
	case d.WeddingsMissing != "":
		if !trouble {
			n = ui.Notice{Tone: ui.ToneBad, Title: "The weddings could not be read from the platform",
				Text: "Contacts and everything else can be read all the same."}
		}
		n.Text += " What you see is from the recovery point of " + clock.Exact(d.WeddingsFrom) + " (" +
			clock.Relative(d.WeddingsFrom) + ")."
		out = append(out, n)
	case trouble:
		out = append(out, n)
	}
	if d.GoneUnknown {
		out = append(out, ui.Notice{Tone: ui.ToneWarn, Title: "Weddings that were deleted may be missing below",
			Text: goneUnknown})
	}
	if d.Newest == nil && shell.Whole() {
		out = append(out, ui.Notice{Tone: ui.ToneWarn, Title: "Nothing is saved yet",
			Text: "There is no recovery point, so nothing could be looked at or brought back. Take the first backup now.",
			Href: "/backups/new", Link: "Back up now"})
	}
	return out
}

// lookNotices say where the damage lies, on which side of it the wedding is shown, and whether the platform could be
// asked.
func lookNotices(w console.WeddingLook, page string, clock format.Clock) (out []ui.Notice) {
	if d := w.Damage; d != nil {
		n := ui.Notice{Tone: ui.ToneWarn, Title: "You see the wedding from before the damage", Text: DamageWords(d, clock) +
			" This is the " + newestBefore(d) + " recovery point before that, " + clock.Second(w.Time) + "." + unsafeWords(d)}
		switch {
		case w.Time.After(d.From):
			n.Title, n.Text = "This recovery point is from after the damage", DamageWords(d, clock)+
				" What vanished is not in it."
			n.Href, n.Link = page+"?point="+url.QueryEscape(d.Point), "Look at the "+beforeIt(d)
		case w.Time.Before(d.From):
			n.Title, n.Text = "An older recovery point than the "+newestBefore(d)+" one before the damage", DamageWords(d, clock)
			n.Href, n.Link = page+"?point="+url.QueryEscape(d.Point), "Look at the "+newestBefore(d)+" one"
		}
		out = append(out, n)
	}
	if w.Unsure != nil {
		out = append(out, ui.Notice{Tone: ui.ToneWarn, Title: "Nobody looked for missing rows",
			Text: "This recovery point may be from after a damage: if something is missing, look at an older one." +
				hintFailed(w.Unsure)})
	}
	if w.Now == nil {
		n, trouble := platformNotice(w.Platform.Kind)
		if !trouble {
			n = ui.Notice{Title: "The platform could not be compared"}
		}
		n.Tone, n.Text = ui.ToneMute, "So this page shows what was, and cannot say what is there now."
		out = append(out, n)
	}
	return out
}
