package platform_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/testenv"
)

// aColumn is a type of a column, and how a value of it is drawn, as SQL.
type aColumn struct {
	typ  string
	draw func(*rapid.T) string
}

func drawnOf(values ...string) func(*rapid.T) string {
	return func(t *rapid.T) string { return rapid.SampledFrom(values).Draw(t, "value") }
}

// drawNumber draws a number in one of many spellings.
func drawNumber(t *rapid.T) string {
	if rapid.IntRange(0, 9).Draw(t, "special") == 0 {
		return drawnOf("NaN", "0", "-0.00", "9223372036854775807", "9223372036854775808.0", "-9223372036854775808",
			"1e30", "1e-30", "Infinity", "-Infinity")(t)
	}
	return fmt.Sprintf("%se%d", strings.Repeat("0", rapid.IntRange(0, 2).Draw(t, "zeros"))+
		fmt.Sprint(rapid.Int64Range(0, 20000).Draw(t, "digits"))+"."+
		strings.Repeat("0", rapid.IntRange(0, 5).Draw(t, "scale"))+fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "part")),
		rapid.IntRange(-6, 6).Draw(t, "exponent"))
}

func quotedNumber(t *rapid.T) string { return "'" + drawNumber(t) + "'" }

func drawSpan(t *rapid.T) string {
	a, b := rapid.IntRange(-2, 5).Draw(t, "from"), rapid.IntRange(0, 4).Draw(t, "more")
	return fmt.Sprintf("%s%d%s,%d%s%s", rapid.SampledFrom([]string{"[", "("}).Draw(t, "lower"), a,
		rapid.SampledFrom([]string{"", ".0", ".50"}).Draw(t, "scale"), a+b+1,
		rapid.SampledFrom([]string{"", ".0", ".50"}).Draw(t, "scale"), rapid.SampledFrom([]string{"]", ")"}).Draw(t, "upper"))
}

func drawWord(t *rapid.T) string {
	letters := rapid.SampledFrom([]rune("aAbBéÉiIıİßẞſsSΣσςkK ÅåÅ"))
	return "'" + rapid.StringOfN(letters, 0, 3, -1).Draw(t, "word") + "'"
}

func drawMoment(t *rapid.T) string {
	return fmt.Sprintf("'%04d-%02d-%02d %02d:00:00.%d%s%s'", rapid.IntRange(1, 2500).Draw(t, "year"),
		rapid.IntRange(1, 12).Draw(t, "month"), rapid.IntRange(1, 28).Draw(t, "day"), rapid.IntRange(0, 23).Draw(t, "hour"),
		rapid.IntRange(0, 3).Draw(t, "part"), rapid.SampledFrom([]string{"+00", "+01", "-07:30"}).Draw(t, "zone"),
		rapid.SampledFrom([]string{"", "", " BC"}).Draw(t, "era"))
}

// TestEqualValuesHaveEqualForms: what the server holds to be equal, in columns of one type or of two that a foreign key
// may connect, has the same form, in whatever format it was written; and where a form is exact, only that has.
func TestEqualValuesHaveEqualForms(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), testenv.DB(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	for name, value := range platform.ReadSettings() {
		if name != "default_transaction_read_only" && name != "search_path" && !strings.HasSuffix(name, "timeout") {
			if _, err := conn.Exec(t.Context(), fmt.Sprintf("set %s = '%s'", name, value)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, q := range []string{"create extension citext", "create type mood as enum ('calm', 'merry', 'a	b\\c')",
		"create domain cents as numeric(12,2)", "create domain mail as citext",
		"create collation folding (provider = icu, locale = 'und-u-ks-level1', deterministic = false)",
		"create type pair as (a int, b text)", "create type sum as (a numeric)"} {
		if _, err := conn.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	numbers := []aColumn{{"numeric", quotedNumber}, {"double precision", quotedNumber},
		{"real", drawnOf("0", "'-0'", "1.5", "'nan'", "0.1", "1e10", "'inf'")},
		{"bigint", drawnOf("0", "1", "15", "9223372036854775807", "10000000000", "-7")},
		{"integer", drawnOf("0", "1", "15", "100", "-7")}, {"cents", drawnOf("0", "1.5", "15.0", "-7", "0.1")}}
	texts := []aColumn{{"text", drawWord}, {"char(4)", drawWord}, {"varchar(9)", drawWord}}
	days := []aColumn{{"date", drawMoment}, {"timestamp", drawMoment},
		{"timestamp", drawnOf("'infinity'", "'-infinity'", "'epoch'")},
		{"date", drawnOf("'infinity'", "'-infinity'", "'epoch'")}}
	alone := []aColumn{{"citext", drawWord}, {"mail", drawWord}, {"text collate folding", drawWord},
		{"char(4) collate folding", drawWord},
		{"mood", drawnOf("'calm'", "'merry'", "E'a\\tb\\\\c'")}, {"timestamptz", drawMoment},
		{"time", drawnOf("'1:00'", "'1:00:00.50'", "'1:00:00.5'", "'24:00'")}, {"boolean", drawnOf("true", "false")},
		{"bytea", drawnOf(`'\x'`, `'\x00'`, `'\x5c00'`, `'\xff'`)}, {"oid", drawnOf("0", "7", "4294967295")},
		{"inet", drawnOf("'10.0.0.1'", "'10.0.0.1/32'", "'10.0.0.1/31'", "'::1'", "'::ffff:10.0.0.1'", "'2001:db8::/32'")},
		{"cidr", drawnOf("'10.0.0.1/32'", "'10.0.0.0/31'", "'::1'")},
		{"varbit", drawnOf("B''", "B'1'", "B'10'", "B'000000001'")},
		{"numrange", func(t *rapid.T) string { return "'" + drawSpan(t) + "'" }}, {"numrange", drawnOf("'empty'", "'(,)'",
			"'[1.0,)'", "'[1,)'", "'(,2.50]'", "'(1,1)'")},
		{"nummultirange", func(t *rapid.T) string { return "'{" + drawSpan(t) + "," + drawSpan(t) + "}'" }},
		{"int4range", drawnOf("'[1,2]'", "'[1,3)'", "'(0,3)'", "'empty'")}, {"pair", drawnOf("'(1,a)'", "'(1,)'", "'(,a)'")},
		{"sum", drawnOf("'(1)'", "'(1.0)'", "'(2)'")}, {"int[]", drawnOf("'{}'", "'{1}'", "'[0:0]={1}'", "'{1,null}'")},
		{"mood[]", drawnOf("'{}'", "'{calm}'", "'{calm,null}'")}, {"interval", drawnOf("'1 day'", "'24 hours'")},
		{"uuid", drawnOf("'00000000-0000-0000-0000-000000000001'", "'{00000000000000000000000000000001}'")}}
	var pairs [][2]aColumn
	for _, kin := range [][]aColumn{numbers, texts, days} {
		for _, a := range kin {
			for _, b := range kin {
				pairs = append(pairs, [2]aColumn{a, b})
			}
		}
	}
	for _, a := range alone {
		pairs = append(pairs, [2]aColumn{a, a})
	}
	inet := slices.IndexFunc(alone, func(c aColumn) bool { return c.typ == "inet" })
	pairs = append(pairs, [2]aColumn{alone[inet], alone[inet+1]}, [2]aColumn{alone[inet+1], alone[inet]})
	testenv.Draws(t, 4, func(rt *rapid.T) {
		statements := []string{"drop schema if exists drawn cascade", "create schema drawn"}
		values := map[string][]string{} // of each table
		for i, p := range pairs {
			for side, c := range p {
				name := fmt.Sprintf("t%d_%d", i, side)
				for range 5 {
					values[name] = append(values[name], c.draw(rt))
				}
				statements = append(statements, fmt.Sprintf("create table drawn.%s (i int, v %s)", name, c.typ),
					fmt.Sprintf("insert into drawn.%s select i, v from (values (%s)) x(i, v)", name,
						strings.Join(numbered(values[name], c.typ), "), (")))
			}
		}
		if _, err := conn.Exec(t.Context(), strings.Join(statements, "; ")); err != nil {
			rt.Fatal(err)
		}
		catalog, err := platform.ReadCatalog(t.Context(), conn, nil)
		if err != nil {
			rt.Fatal(err)
		}
		tables := map[string]platform.Relation{}
		for _, r := range catalog.Tables {
			tables[r.Name] = r
		}
		for i, p := range pairs {
			child, parent := fmt.Sprintf("t%d_0", i), fmt.Sprintf("t%d_1", i)
			checkForms(t, rt, conn, p, [2]platform.Relation{tables[child], tables[parent]},
				[2][]string{values[child], values[parent]})
		}
	})
}

// checkForms compares the forms of values of a referring column and of the one that it refers to.
func checkForms(t *testing.T, rt *rapid.T, conn *pgx.Conn, types [2]aColumn, tables [2]platform.Relation,
	list [2][]string) {
	// as a foreign key compares them, whose child is cast to the parent's type where there is no operator for both
	referring := "a.v"
	switch {
	case types[1].typ == "real" && types[0].typ != "double precision":
		referring += "::real"
	case types[1].typ == "char(4)" && types[0].typ != "char(4)": // blanks at the end count for nothing, then
		referring += "::bpchar"
	}
	rows, err := conn.Query(t.Context(), fmt.Sprintf("select a.i, b.i, %s = b.v from drawn.%s a, drawn.%s b", referring,
		tables[0].Name, tables[1].Name))
	if err != nil {
		rt.Fatal(err)
	}
	equal := map[[2]int]bool{}
	var a, b int
	var same bool
	if _, err := pgx.ForEachRow(rows, []any{&a, &b, &same}, func() error {
		equal[[2]int{a, b}] = same
		return nil
	}); err != nil {
		rt.Fatalf("%v and %v: %v", types[0].typ, types[1].typ, err)
	}
	for _, formats := range [][2]string{{"binary", "binary"}, {"text", "text"}, {"binary", "text"}, {"text", "binary"}} {
		rel, images := tables, [2][][]byte{}
		for side := range rel {
			if rel[side].Format == repository.FormatText { // as a backup would
				formats[side] = repository.FormatText
			}
			rel[side].Format = formats[side]
			images[side] = written(rt, conn, rel[side])
		}
		all, told := platform.Between(rel[0].Form("v"), rel[1].Form("v"), formats[:]...)
		for _, form := range []platform.Form{all, told} {
			for pair, same := range equal {
				forms := [2]repository.KeyHash{}
				for side := range forms {
					kr := rel[side].NewFormReader([][]string{{"v"}}, [][]platform.Form{{form}})
					if err := kr.Keys(images[side][pair[side]], func(_ int, h repository.KeyHash) { forms[side] = h }); err != nil {
						rt.Fatalf("%s in %s, form %s: %q: %v", types[side].typ, formats[side], form, images[side][pair[side]], err)
					}
				}
				exact := form.Exact() && all == told // as whoever follows a foreign key takes it
				if form == all && same && forms[0] != forms[1] || form == all && exact && !same && forms[0] == forms[1] {
					rt.Errorf("%s %s and %s %s in %v: the server says equal: %v; their forms as %s: %x, %x", types[0].typ,
						list[0][pair[0]], types[1].typ, list[1][pair[1]], formats, same, form, forms[0], forms[1])
				}
			}
		}
	}
}

func numbered(list []string, typ string) []string {
	typ, _, _ = strings.Cut(typ, " collate")
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = fmt.Sprintf("%d, %s::%s", i, v, typ)
	}
	return out
}

// written are the rows of a table as COPY writes them, in order.
func written(t *rapid.T, conn *pgx.Conn, rel platform.Relation) (out [][]byte) {
	var b bytes.Buffer
	if _, err := conn.PgConn().CopyTo(t.Context(), &b, fmt.Sprintf(
		"copy (select i, v from drawn.%s order by i) to stdout (format %s)", rel.Name, rel.Format)); err != nil {
		t.Fatal(err)
	}
	rest := b.Bytes()
	if rel.Format == repository.FormatBinary {
		rest = rest[19 : len(rest)-2]
		if binary.BigEndian.Uint16(b.Bytes()[len(b.Bytes())-2:]) != 0xffff {
			t.Fatal("no end")
		}
	}
	for len(rest) > 0 {
		row, more, err := repository.NextRow(rest, rel.Format)
		if err != nil {
			t.Fatal(err)
		}
		out, rest = append(out, row), more
	}
	return out
}
