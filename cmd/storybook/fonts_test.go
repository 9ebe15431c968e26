package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/wedsync/keepsake/internal/testenv/browser"
	"github.com/wedsync/keepsake/internal/testenv/fonts"
)

// TestNoControlIsWiderThanItsColumn sets every view in a wide font, with long texts in its selects, on a phone: nothing
// sticks out of its column, and no page scrolls sideways.
func TestNoControlIsWiderThanItsColumn(t *testing.T) {
	server := httptest.NewServer(strict(handler()))
	defer server.Close()
	ctx := browser.Open(t)
	for name := range stories() {
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(360, 800), chromedp.Navigate(server.URL+"/"+name)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		set, err := chromedp.Run(ctx, chromedp.Evaluate[bool](fonts.Wide(), chromedp.EvalAwaitPromise))
		if err != nil || !set {
			t.Fatalf("%s is not in the wide font: %v", name, err)
		}
		for _, width := range []int64{277, 360} {
			if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 800)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			over, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](wide))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			wider, err := chromedp.Run(ctx, chromedp.Evaluate[int64]("document.scrollingElement.scrollWidth"))
			if err != nil || wider > width || len(over) > 0 {
				t.Errorf("%s at %d px is %d px wide, %v: %v", name, width, wider, err, over)
			}
		}
		if dir := os.Getenv("ARTIFACTS"); dir != "" {
			png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
			if err != nil {
				t.Logf("%s: %v", name, err) // a page may be too long for a picture
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, "wide-"+name+".png"), png, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
