package handlers

import (
	"fmt"
	"image/color"
	"strings"

	"github.com/boombuler/barcode/qr"

	"github.com/wedsync/keepsake/views"
)

// quiet is how many light modules must surround a QR code, so that a camera finds it.
const quiet = 4

// drawQR returns a text as the dark modules of a QR code: one path of rows, for an SVG. There is nothing in it but the
// text.
func drawQR(text string) (views.QR, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return views.QR{}, fmt.Errorf("draw the QR code: %w", err)
	}
	size := code.Bounds().Dx()
	dark := func(x, y int) bool { return x < size && code.At(x, y) == color.Black }
	var path strings.Builder
	for y := range size {
		for x := 0; x < size; x++ {
			from := x
			for dark(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from+quiet, y+quiet, x-from, x-from)
			}
		}
	}
	return views.QR{Size: fmt.Sprint(size + 2*quiet), Path: path.String()}, nil
}
