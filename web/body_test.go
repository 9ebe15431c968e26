package web

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
)

// answering serves the handler with little time for a request and enough for its answer, as the console does.
func answering(t *testing.T, handler http.Handler) (address string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := short
	p.answer = 10 * time.Second
	address, _ = serving(t, listener, handler, p)
	return address
}

// TestABodyThatNeverEndsIsAnsweredInTime, by pages and by the API, with what is wrong: half a form is never acted on,
// and nothing is no answer of 200.
func TestABodyThatNeverEndsIsAnsweredInTime(t *testing.T) {
	t.Parallel()
	d := Deps{SessionSecret: "0123456789abcdef0123456789abcdef"}
	e, _, _, err := base(&d)
	if err != nil {
		t.Fatal(err)
	}
	acted := make(chan string, 10)
	act := func(c echo.Context) error {
		acted <- c.FormValue("name")
		return c.String(http.StatusOK, "done")
	}
	e.POST("/form", act)
	e.POST("/api/action", act)
	e.GET("/form", act)
	address := answering(t, e)
	const head = " HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
	large := strings.Repeat("x", bodyLimit)
	for _, x := range []struct {
		name, sent string
		status     int
		kind, says string
	}{
		{"half a form", "POST /form" + head + "Content-Length: 100\r\n\r\nname=half", 408, "text/html", "Send it again"},
		{"half a form for htmx", "POST /form" + head + "HX-Request: true\r\nContent-Length: 100\r\n\r\nname=half", 408,
			"text/html", "Send it again"},
		{"a form without a length", "POST /form" + head + "Transfer-Encoding: chunked\r\n\r\n9\r\nname=half\r\n", 408,
			"text/html", "Send it again"},
		{"nothing of a form", "POST /form" + head + "Content-Length: 100\r\n\r\n", 408, "text/html", "Send it again"},
		{"half of what the API takes", "POST /api/action" + head + "Content-Length: 100\r\n\r\nname=half", 408,
			"application/problem+json", `"status":408`},
		{"half of what a page does not take", "GET /form" + head + "Content-Length: 100\r\n\r\nname=half",
			408, "text/html", "Send it again"},
		{"too much", "POST /form" + head + "Content-Length: 9999999\r\n\r\nname=", 413, "text/html", "at most 64 KiB"},
		{"too much for the API", "POST /api/action" + head + "Content-Length: 9999999\r\n\r\nname=", 413,
			"application/problem+json", "at most 64 KiB"},
		{"too much, without a length", "POST /api/action" + head + "Transfer-Encoding: chunked\r\n\r\n10001\r\nname=" +
			large + "\r\n", 413, "application/problem+json", `"status":413`},
		{"no chunks", "POST /api/action" + head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
			422, "application/problem+json", "broke off"},
	} {
		response, err := http.ReadResponse(bufio.NewReader(call(t, address, x.sent)), nil)
		if err != nil {
			t.Errorf("%s: %v", x.name, err)
			continue
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != x.status || !strings.HasPrefix(response.Header.Get("Content-Type"), x.kind) ||
			!strings.Contains(string(body), x.says) {
			t.Errorf("%s: %d %s %q", x.name, response.StatusCode, response.Header.Get("Content-Type"), body)
		}
	}
	select {
	case name := <-acted:
		t.Errorf("half a form was taken, with the name %q", name)
	default:
	}
	whole := call(t, address, "POST /form"+head+"Content-Length: 10\r\n\r\nname=whole")
	if response, err := http.ReadResponse(bufio.NewReader(whole), nil); err != nil ||
		response.StatusCode != http.StatusOK || <-acted != "whole" {
		t.Errorf("a whole form: %+v, %v", response, err)
	}
}
