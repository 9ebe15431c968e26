package pgtool

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMaskHidesTextsInQuotes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		statement, masked string
		sure              bool
	}{
		"no text":             {"GRANT SELECT ON TABLE public.g TO app", "GRANT SELECT ON TABLE public.g TO app", true},
		"text":                {"COMMENT ON POLICY p ON public.g IS 'it''s'", "COMMENT ON POLICY p ON public.g IS '…'", true},
		"escapes":             {`SELECT E'a\';b', 'c'`, "SELECT E'…', '…'", true},
		"dollars":             {"AS $$x 'y$$ LANGUAGE sql", "AS '…' LANGUAGE sql", true},
		"tagged dollars":      {"AS $_x$a$$b$_x$", "AS '…'", true},
		"names stay":          {`OPTIONS ("user" 'bob', password 's')`, `OPTIONS ("user" '…', password '…')`, true},
		"quote in a name":     {`ALTER TABLE "a'b" OWNER TO "c""d'"`, `ALTER TABLE "a'b" OWNER TO "c""d'"`, true},
		"comments go":         {"SELECT 1 -- secret\n/* secret */ + 2", "SELECT 1 + 2", true},
		"backslash, old mode": {`SELECT 'a\', 'b'`, "SELECT '…', '…'", false},
		"never ends":          {"SELECT 'a", "SELECT '…'", false},
		"dollars never end":   {"AS $$a", "AS '…'", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			masked, _, sure := Mask(c.statement)
			if sure != c.sure || masked != c.masked {
				t.Errorf("masked as %q (sure: %v), want %q (%v)", masked, sure, c.masked, c.sure)
			}
		})
	}
}

// Whatever stands around it, a text that is written as PostgreSQL writes texts is not in what is shown.
func TestNoTextComesThroughAMask(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const secret = "hunter2"
		noise := rapid.StringMatching(`[a-z'"\\$;\-\n ]{0,12}`)
		quoted := func() string {
			text := noise.Draw(t, "before") + secret + noise.Draw(t, "after")
			double := strings.ReplaceAll(text, "'", "''")
			switch rapid.IntRange(0, 2).Draw(t, "way") {
			case 0:
				if strings.Contains(double, `\`) {
					return "E'" + strings.ReplaceAll(double, `\`, `\\`) + "'"
				}
				return "'" + double + "'"
			case 1:
				return "E'" + strings.ReplaceAll(double, `\`, `\\`) + "'"
			default:
				tag := "$x$"
				for strings.Contains(text+"$", tag) {
					tag = "$x" + tag[1:]
				}
				return tag + text + tag
			}
		}
		words := rapid.SampledFrom([]string{"OPTIONS", "(", ")", ",", `"a""b'c"`, "IS", "=", "x$1", "1", "AS"})
		var b strings.Builder
		for range rapid.IntRange(1, 6).Draw(t, "pieces") {
			b.WriteString(words.Draw(t, "word") + " " + quoted() + " ")
		}
		if masked, _, sure := Mask(b.String()); strings.Contains(masked, secret) || !sure {
			t.Fatalf("%q is shown as %q (sure: %v)", b.String(), masked, sure)
		}
	})
}
