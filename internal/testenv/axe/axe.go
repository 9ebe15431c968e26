// Package axe looks for what keeps people out of a page: contrast, names, roles, order. It holds axe-core 4.14.1
// (LICENSE in this directory), which runs inside the browser of a test. Nothing of it is linked into keepsake.
package axe

import _ "embed"

//go:embed axe.min.js
var source string

// Source is the script to evaluate in a page; it defines axe there.
func Source() string { return source }

// Check is an expression that resolves to what is seriously wrong with the page: rule, how bad, where, one string each.
// Source must have been evaluated before.
const Check = `axe.run(document, {resultTypes: ['violations']})
	.then(r => r.violations.filter(v => v.impact === 'serious' || v.impact === 'critical')
	.flatMap(v => v.nodes.slice(0, 3).map(n => v.id + ' (' + v.impact + '): ' + n.target.join(' ') + ' ' +
		(n.any[0] ? n.any[0].message : ''))))`
