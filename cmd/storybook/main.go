// Command storybook serves every view, for looking at and for screenshots. Overviews, operations, recovery points,
// weddings and the trail are drawn from values as the console gives them, so that their words are the product's; forms,
// comparisons and pages of signing in have view-models of their own. It has no database, no sign-in and is never linked
// into keepsake.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"sort"
	"time"

	"github.com/a-h/templ"

	"github.com/wedsync/keepsake/static"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "address to listen on")
	flag.Parse()
	if err := run(*addr); err != nil {
		log.Fatal(err)
	}
}

func run(addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", addr, err)
	}
	fmt.Printf("http://%s/\n", listener.Addr())
	server := &http.Server{Handler: handler(), ReadHeaderTimeout: 5 * time.Second}
	return server.Serve(listener)
}

// handler serves the list of stories, and each of them at /name?theme=dark.
func handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(static.Prefix, static.Handler())
	mux.HandleFunc("GET /events", serveEvents)
	mux.HandleFunc("GET /none", serveQuiet)
	// where a live story goes when it ends
	mux.HandleFunc("GET /operations/{id}", func(w http.ResponseWriter, r *http.Request) {
		templ.Handler(stories()["operation-done"](r.URL.Query().Get("theme"))).ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /{story}", func(w http.ResponseWriter, r *http.Request) {
		story, ok := stories()[r.PathValue("story")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		theme := r.URL.Query().Get("theme")
		templ.Handler(story(theme)).ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("HX-Request") != "" { // an overview refreshes itself
			templ.Handler(stories()["dashboard"]("")).ServeHTTP(w, r)
			return
		}
		names := make([]string, 0, len(stories()))
		for name := range stories() {
			names = append(names, name)
		}
		sort.Strings(names)
		fmt.Fprint(w, "<!doctype html><title>Stories</title><ul>")
		for _, name := range names {
			fmt.Fprintf(w, `<li><a href="/%s">%s</a> (<a href="/%s?theme=dark">dark</a>)`, name, name, name)
		}
	})
	return mux
}
