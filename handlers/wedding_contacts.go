package handlers

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/views"
)

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

// ShowWeddingContacts draws the vendors of a wedding, straight from a recovery point.
func ShowWeddingContacts(pages Pages, con weddingAtReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		w, id, err := contactsAt(c, con)
		if err != nil {
			return nothingSavedYet(c, pages, con, http.StatusOK, err)
		}
		vm := views.Contacts{
			Shell:      pages.Shell(c, "Vendor contacts", "emergency"),
			Name:       w.Name,
			When:       pages.clock().When(w.Time),
			PointURL:   draw.PointURL(w.Point),
			CSV:        draw.WeddingURL(id) + "/contacts.csv?point=" + url.QueryEscape(w.Point),
			VCard:      draw.WeddingURL(id) + "/contacts.vcf?point=" + url.QueryEscape(w.Point),
			WeddingURL: draw.WeddingURL(id),
		}
		if con.Platform(c.Request().Context()).Writable() && !vm.Shell.Standby {
			vm.RestoreURL = draw.WeddingURL(id) + "/restore"
		}
		if w.Unsure != nil {
			vm.Notices = draw.UnsureVendors(w.Unsure, pages.clock())
		}
		if len(w.Lost) > 0 {
			vm.Notices = draw.LostVendors(w, pages.clock())
			vm.CSV, vm.VCard = draw.WeddingURL(id)+"/contacts.csv", draw.WeddingURL(id)+"/contacts.vcf" // of no single point
		}
		for _, x := range w.Contacts {
			vm.List = append(vm.List, views.Contact{
				Kind:  format.Title(strings.ReplaceAll(x.Kind, "_", " ")),
				Name:  x.Name,
				Who:   x.Who,
				Phone: x.Phone,
				Tel:   "tel:" + draw.Dialled(x.Phone),
				Email: x.Email,
				Mail:  "mailto:" + x.Email,
				Place: x.Place,
			})
		}
		return Render(c, http.StatusOK, views.ContactsPage(vm))
	}
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
