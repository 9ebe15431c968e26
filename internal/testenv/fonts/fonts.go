// Package fonts sets a page in a font of its own, so that no test depends on the fonts of the machine it runs on. It
// holds Go Mono Bold (LICENSE in this directory), in which every letter is as wide as an m: wider than what any phone
// brings. Nothing of it is linked into keepsake.
package fonts

import (
	_ "embed"
	"encoding/base64"
	"fmt"
)

//go:embed Go-Mono-Bold.ttf
var wide []byte

// Wide is an expression for the browser: it sets all of the page in the wide font, gives every select a long text, and
// resolves to true.
func Wide() string {
	return fmt.Sprintf(`(async () => {
		const font = new FontFace('Wide', Uint8Array.from(atob(%q), c => c.charCodeAt(0)));
		document.fonts.add(await font.load());
		const sheet = [...document.styleSheets].at(-1);
		sheet.insertRule('* { font-family: Wide !important }', sheet.cssRules.length);
		document.querySelectorAll('select').forEach(s => s.add(new Option('Wed 24 Dec 2026, 23:59:59 UTC (12 months ago) · '
			+ 'a long name of a server '.repeat(4), s.value, true, true)));
		await document.fonts.ready;
		return document.fonts.check('16px Wide') && getComputedStyle(document.body).fontFamily === 'Wide';
	})()`, base64.StdEncoding.EncodeToString(wide))
}
