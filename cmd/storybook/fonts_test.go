package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/wedsync/keepsake/internal/testenv/fonts"
)

// inTheWideFont sets the page in a wide font, with long texts in its selects, on a phone: no control is wider than its
// column, and the page does not scroll sideways.
func inTheWideFont(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	set, err := chromedp.Run(ctx, chromedp.Evaluate[bool](fonts.Wide(), chromedp.EvalAwaitPromise))
	if err != nil || !set {
		t.Fatalf("%s is not in the wide font: %v", name, err)
	}
	for _, width := range []int64{277, 360} {
		fits(ctx, t, fmt.Sprintf("%s in the wide font at %d px", name, width), width)
	}
	dir := os.Getenv("ARTIFACTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Logf("%s: %v", name, err) // a page may be too long for a picture
		return
	}
	if err := os.WriteFile(filepath.Join(dir, "wide-"+name+".png"), png, 0o600); err != nil {
		t.Fatal(err)
	}
}
