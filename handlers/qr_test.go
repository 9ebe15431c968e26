package handlers

import (
	"fmt"
	"image/color"
	"strings"
	"testing"

	"github.com/boombuler/barcode/qr"
)

// TestTheDrawnQRCodeIsTheCode reads the drawing back, module by module.
func TestTheDrawnQRCodeIsTheCode(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"x",
		"otpauth://totp/Keepsake:ada@example.com?algorithm=SHA1&digits=6&issuer=Keepsake&period=30&" +
			"secret=HHPDMNYJP2CDTGWCLVZRXXUGPHELMP57", strings.Repeat("long@", 60)} {
		want, err := qr.Encode(text, qr.M, qr.Auto)
		if err != nil {
			t.Fatal(err)
		}
		drawn, err := drawQR(text)
		size := want.Bounds().Dx()
		if err != nil || drawn.Size != fmt.Sprint(size+8) {
			t.Fatalf("size %s, %v", drawn.Size, err)
		}
		dark := map[[2]int]bool{}
		for run := range strings.SplitSeq(strings.TrimSuffix(drawn.Path, "z"), "z") {
			var x, y, long, back int
			if _, err := fmt.Sscanf(run, "M%d %dh%dv1h-%d", &x, &y, &long, &back); err != nil || long != back {
				t.Fatalf("%q: %v", run, err)
			}
			for i := range long {
				dark[[2]int{x + i, y}] = true
			}
		}
		for y := range size + 8 {
			for x := range size + 8 {
				inside := x >= 4 && y >= 4 && x < size+4 && y < size+4
				if is := inside && want.At(x-4, y-4) == color.Black; dark[[2]int{x, y}] != is {
					t.Fatalf("module %d, %d is drawn dark: %v, want %v", x, y, !is, is)
				}
			}
		}
	}
	if _, err := drawQR(strings.Repeat("x", 10_000)); err == nil {
		t.Error("a text too long for any QR code is drawn")
	}
}
