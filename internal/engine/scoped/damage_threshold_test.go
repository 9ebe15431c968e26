package scoped

import "testing"

// TestDamageThresholds: a table that a wedding has lost whole is damage however small it is, and so is a large share of
// one table, of the wedding, or of its values; daily work is none.
func TestDamageThresholds(t *testing.T) {
	t.Parallel()
	guests := func(gone, changed int64) tableLoss { return tableLoss{rows: 200, gone: gone, changed: changed} }
	for name, c := range map[string]struct {
		losses []tableLoss
		want   bool
	}{
		"nothing":                              {nil, false},
		"new rows":                             {[]tableLoss{{added: 50}, {rows: 200, added: 50}}, false},
		"one guest of many":                    {[]tableLoss{guests(1, 0)}, false},
		"two vendors of six":                   {[]tableLoss{{rows: 6, gone: 2}, guests(0, 0)}, false},
		"all six vendors":                      {[]tableLoss{guests(0, 0), {rows: 6, gone: 6}}, true},
		"the only row of a table":              {[]tableLoss{guests(0, 0), {rows: 1, gone: 1}}, true},
		"two of two rows":                      {[]tableLoss{guests(0, 0), {rows: 2, gone: 2}}, true},
		"the only row, replaced by another":    {[]tableLoss{guests(0, 0), {rows: 1, gone: 1, added: 1}}, false},
		"all vendors replaced by others":       {[]tableLoss{guests(0, 0), {rows: 6, gone: 6, added: 6}}, true},
		"four vendors of twelve":               {[]tableLoss{guests(0, 0), {rows: 12, gone: 4}}, true},
		"three of twelve":                      {[]tableLoss{guests(0, 0), {rows: 12, gone: 3}}, false},
		"a twentieth of the wedding":           {[]tableLoss{guests(10, 0)}, true},
		"less than a twentieth of the wedding": {[]tableLoss{guests(9, 0)}, false},
		"a twentieth across tables":            {[]tableLoss{guests(8, 0), {rows: 40, gone: 4}}, true},
		"a fifth changed":                      {[]tableLoss{guests(0, 40)}, true},
		"less than a fifth changed":            {[]tableLoss{guests(0, 39)}, false},
		"all of a small table changed":         {[]tableLoss{guests(0, 0), {rows: 9, changed: 9}}, false},
	} {
		var rows int64
		for _, l := range c.losses {
			rows += l.rows
		}
		if got := damaging(rows, c.losses); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
