package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/wedsync/keepsake/internal/testenv/axe"
	"github.com/wedsync/keepsake/internal/testenv/browser"
	"github.com/wedsync/keepsake/web"
)

// strict serves the stories under the console's own content security policy.
func strict(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", web.Policy)
		next.ServeHTTP(w, r)
	})
}

// complaints collects uncaught exceptions and console errors, such as those of the content security policy.
type complaints struct {
	mu   sync.Mutex
	list []string
}

func (c *complaints) add(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, text)
}

func (c *complaints) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.list
	c.list = nil
	return out
}

// TestEveryStoryFitsAndKeepsThePolicy loads every view once, which takes longer than to look at it. Nothing sticks out
// on a wide screen and on phones, also in a wide font. The content security policy blocks nothing. Axe finds nothing
// serious.
func TestEveryStoryFitsAndKeepsThePolicy(t *testing.T) {
	server := httptest.NewServer(strict(handler()))
	defer server.Close()
	ctx := browser.Open(t)
	var seen complaints
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	if err := chromedp.Listen(ctx, func(ev any) {
		switch e := ev.(type) {
		case *runtime.EventExceptionThrown:
			seen.add(e.ExceptionDetails.Text)
		case *log.EventEntryAdded: // what the policy blocks comes here
			if e.Entry.Level == log.EntryLevelError {
				seen.add(e.Entry.Text + " " + e.Entry.URL)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	for name := range stories() {
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 800), chromedp.Navigate(server.URL+"/"+name)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		loaded,
			err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.styleSheets.length === 2 && typeof htmx === 'object'`))
		if err != nil || !loaded {
			t.Errorf("%s: styles or htmx did not load (%v)", name, err)
		}
		forAll := accessStories()[name] != nil || auditStories()[name] != nil || approvalStories()[name] != nil ||
			providerStories()[name] != nil
		if forAll {
			loadAxe(ctx, t, name)
		}
		for _, width := range []int64{1280, 360, 277} { // a phone has 277 when its owner enlarged the text to 130 %
			at := fmt.Sprintf("%s at %d px", name, width)
			fits(ctx, t, at, width)
			if forAll {
				keepsNobodyOut(ctx, t, at)
			}
		}
		inTheWideFont(ctx, t, name)
		for _, text := range seen.take() {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// fits fails when something sticks out of a page of that width, or when the page scrolls sideways.
func fits(ctx context.Context, t *testing.T, where string, width int64) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 800)); err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	over, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](wide))
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	is, err := chromedp.Run(ctx, chromedp.Evaluate[int64]("document.scrollingElement.scrollWidth"))
	if err != nil || is > width || len(over) > 0 {
		t.Errorf("%s is %d px wide, %v: %v", where, is, err, over)
	}
}

// loadAxe defines axe in the page, which stays until the page is left.
func loadAxe(ctx context.Context, t *testing.T, where string) {
	t.Helper()
	loaded, err := chromedp.Run(ctx, chromedp.Evaluate[bool](axe.Source()+"\ntypeof axe === 'object'"))
	if err != nil || !loaded {
		t.Fatalf("%s: axe did not load (%v)", where, err)
	}
}

// keepsNobodyOut fails when axe finds something serious on the page.
func keepsNobodyOut(ctx context.Context, t *testing.T, where string) {
	t.Helper()
	found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](axe.Check, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	for _, line := range found {
		t.Errorf("%s: %s", where, line)
	}
}

// wide lists the elements that stick out of the page or out of a card that would cut them off, and text out of its box.
const wide = `(() => {
	const page = document.documentElement.clientWidth;
	return [...document.querySelectorAll('body *')].filter(e => {
		if (e.closest('.sr, .skip, thead, .scroll-x, svg, [hidden]')) return false;
		const right = e.getBoundingClientRect().right, card = e.closest('.card');
		if (e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1 &&
			getComputedStyle(e).overflowX === 'visible') return true;
		return right > page + 1 || (card && right > card.getBoundingClientRect().right + 1);
	}).slice(0, 5).map(e => e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 40));
})()`

func TestLivePagesFollowTheirStreams(t *testing.T) {
	server := httptest.NewServer(strict(handler()))
	defer server.Close()
	ctx := browser.Open(t)
	for _, tt := range []struct {
		page string
		then []string // each becomes true, in this order
	}{
		{"/operation-live", []string{
			`document.querySelector('[data-live-state]').textContent === 'Live'`,
			`document.querySelector('#operation-state').textContent.includes('Running 3') &&
				document.querySelector('.live__pct').textContent === '58 %'`,
			`document.getElementById('log-105') !== null && document.querySelectorAll('main').length === 1`,
			`document.querySelector('h2').textContent === 'Saved, but not fully protected'`,
		}},
		{"/dashboard-live", []string{
			`document.querySelector('[sse-connect]').textContent.includes('58 %') &&
				document.querySelector('#verdict') !== null`,
			`document.querySelector('[sse-connect]') === null && document.querySelector('#verdict') !== null &&
				document.querySelectorAll('#dashboard').length === 1`,
		}},
	} {
		if err := chromedp.Do(ctx, chromedp.Navigate(server.URL+tt.page)); err != nil {
			t.Fatal(err)
		}
		for _, want := range tt.then {
			if _, err := chromedp.Run(ctx, chromedp.Poll[bool](want, chromedp.WithPollingInterval(50*time.Millisecond),
				chromedp.WithPollingTimeout(20*time.Second))); err != nil {
				t.Fatalf("%s: waiting for %s: %v", tt.page, want, err)
			}
		}
	}
}
