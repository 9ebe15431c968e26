package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
)

// TestAFormThatCannotBeReadWholeIsRefused, in words, before anybody acts on the part of it that can be read.
func TestAFormThatCannotBeReadWholeIsRefused(t *testing.T) {
	t.Parallel()
	d := Deps{SessionSecret: "0123456789abcdef0123456789abcdef"}
	e, _, _, err := base(&d)
	if err != nil {
		t.Fatal(err)
	}
	acted := ""
	act := func(c echo.Context) error {
		acted = c.FormValue("type") + c.QueryParam("type") + "."
		return c.String(http.StatusOK, "done")
	}
	e.POST("/backups", act)
	e.GET("/export", act)
	e.POST("/api/backups", act)
	const form = "application/x-www-form-urlencoded"
	const parts = "multipart/form-data; boundary=x"
	send := func(method, path, kind, body string, header ...string) *httptest.ResponseRecorder {
		acted = ""
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		return w
	}
	for _, x := range []struct{ method, path, kind, body, coding string }{
		{"POST", "/backups", form, "type=%zz&type=full", ""}, {"POST", "/backups", form, "type=full&note=100%", ""},
		{"POST", "/backups", form, "type=full;note=x", ""},
		{"POST", "/backups", form + "; charset=utf-16", "type=full", ""},
		{"POST", "/backups", form + "; charset=iso-8859-1", "type=full", ""},
		{"POST", "/backups", form, "type=full&note=%ff", ""}, {"POST", "/backups", form, "type=full", "gzip"},
		{"POST", "/backups", form + "; charset", "type=full", ""},
		{"POST", "/backups", "application/json", `{"type":"full"}`, ""}, {"POST", "/backups", "text/plain", "type=full", ""},
		{"POST", "/backups", "", "type=full", ""},
		{"POST", "/backups", parts, "--x\r\nContent-Disposition: form-data; name=type\r\n\r\nfull", ""},
		{"POST", "/backups", "multipart/form-data", "type=full", ""},
		{"POST", "/backups?type=%zz", form, "type=full", ""}, {"GET", "/export?type=%zz&type=full", "", "", ""},
		{"POST", "/backups?a;b", form, "", ""},
	} {
		w := send(x.method, x.path, x.kind, x.body, "Content-Encoding", x.coding)
		if w.Code != http.StatusUnprocessableEntity || acted != "" ||
			!strings.Contains(w.Body.String(), "cannot be read whole, so nothing was done") {
			t.Errorf("%+v: %d, acted on %q, %s", x, w.Code, acted, w.Body)
		}
	}
	for _, x := range []struct{ method, path, kind, body, want string }{
		{"POST", "/backups", form, "type=full&note=100%25", "full."},
		{"POST", "/backups", form + ";charset=UTF-8", "type=f%C3%BCll", "füll."}, {"POST", "/backups", "", "", "."},
		{"POST", "/backups", parts, "--x\r\nContent-Disposition: form-data; name=type\r\n\r\nfull\r\n--x--\r\n", "full."},
		{"GET", "/export?type=full", "", "", "fullfull."}, {"POST",
			"/api/backups", "application/json", `{"type":"full"}`, "."},
	} {
		if w := send(x.method, x.path, x.kind, x.body); w.Code != http.StatusOK || acted != x.want {
			t.Errorf("%+v: %d, acted on %q", x, w.Code, acted)
		}
	}
}
