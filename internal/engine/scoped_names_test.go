package engine_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// oddTable is a table whose name, joined to its schema's with a dot, may be another table's as well.
type oddTable struct {
	schema, name string
	free         bool // it belongs to no wedding
}

func (o oddTable) sql() string { return pgx.Identifier{o.schema, o.name}.Sanitize() }

// drawOdd draws tables out of few words, each cut into schema and name at any of its dots.
func drawOdd(t *rapid.T) (out []oddTable) {
	seen := map[[2]string]bool{}
	for len(out) < 2 {
		for range rapid.IntRange(2, 6).Draw(t, "tables") {
			word := rapid.SampledFrom([]string{"a.b.c", "a.b.c.d", `..x`, `...`, `a".b".c`, `"a.b".c`, "My Table.b.C d",
				"public.x.y", "A.b.c"}).Draw(t, "word")
			var dots []int
			for i := 1; i < len(word)-1; i++ {
				if word[i] == '.' {
					dots = append(dots, i)
				}
			}
			at := rapid.SampledFrom(dots).Draw(t, "dot")
			if o := (oddTable{word[:at], word[at+1:], rapid.Bool().Draw(t, "free")}); !seen[[2]string{o.schema, o.name}] {
				seen[[2]string{o.schema, o.name}] = true
				out = append(out, o)
			}
		}
	}
	return out
}

// rowsOfOdd is every table's rows.
func rowsOfOdd(t *testing.T, url string, tables []oddTable) map[string]string {
	t.Helper()
	out := map[string]string{"weddings": one[string](t, url,
		"select string_agg(w::text, '|' order by id) from weddings w")}
	for _, o := range tables {
		out[o.sql()] = one[string](t, url, "select coalesce(string_agg(r::text, '|' order by id), '') from "+o.sql()+" r")
	}
	return out
}

// TestRestoreOfTablesWithOddNames: whatever dots, quotes and blanks names hold, a wedding's and a tier's rewind brings
// back exactly what was there, into the table it was in, an undo takes it back, and an export has a file for each
// table.
func TestRestoreOfTablesWithOddNames(t *testing.T) {
	t.Parallel()
	testenv.Draws(t, 4, func(rt *rapid.T) {
		tables := drawOdd(rt)
		url := testenv.DB(t)
		run(t, url, "create table weddings (id int primary key, couple text, wedding_date date, organization_id int)",
			"insert into weddings select i, 'Couple ' || i, date '2026-07-01' + i, 1 from generate_series(1, 3) i")
		for i, o := range tables {
			column := "wedding_id int references weddings"
			if o.free {
				column = "wedding_id int"
			}
			run(t, url, "create schema if not exists "+pgx.Identifier{o.schema}.Sanitize(),
				fmt.Sprintf("create table %s (id int primary key, v text, %s)", o.sql(), column),
				fmt.Sprintf("insert into %s select i, 'table %d row ' || i, 1 + i %% 3 from generate_series(%d, 12) i",
					o.sql(), i, 1+i))
		}
		e := engineWith(t, url, providers(t), repository.NewKeyFile())
		backup(t, e, keepsake.BackupFull)
		whole := rowsOfOdd(t, url, tables)
		for i, o := range tables {
			run(t, url, fmt.Sprintf("delete from %s where wedding_id = 1 and id %% 2 = %d", o.sql(), i%2),
				fmt.Sprintf("update %s set v = 'changed' where wedding_id = 1 and id > 8", o.sql()))
		}
		damaged := rowsOfOdd(t, url, tables)
		owned := maps.Clone(whole)
		for _, o := range tables {
			if o.free {
				owned[o.sql()] = damaged[o.sql()]
			}
		}
		for _, c := range []struct {
			in   engine.ScopeInput
			want map[string]string
		}{{engine.ScopeInput{Scope: ofWedding("1")}, owned}, {engine.ScopeInput{Scope: ofTier(keepsake.TierStandard)},
			whole}} {
			c.in.Point, c.in.Mode = "latest", scope.Rewind
			s, err := e.ReadScope(t.Context(), c.in)
			if err != nil {
				rt.Fatalf("%+v: %v", tables, err)
			}
			p, err := s.Preview(t.Context())
			if err != nil {
				rt.Fatalf("%+v: %v", tables, err)
			}
			done, err := s.Apply(t.Context(), engine.ScopeApply{Fingerprint: p.Fingerprint})
			if err != nil {
				rt.Fatalf("%+v: %v", tables, err)
			}
			if got := rowsOfOdd(t, url, tables); !maps.Equal(got, c.want) {
				rt.Fatalf("%+v of %+v was rewound to\n%v\nnot\n%v", c.in, tables, got, c.want)
			}
			if _, err := e.Undo(t.Context(), done.Restore); err != nil {
				rt.Fatalf("%+v: %v", tables, err)
			}
			if got := rowsOfOdd(t, url, tables); !maps.Equal(got, damaged) {
				rt.Fatalf("%+v of %+v was undone to\n%v\nnot\n%v", c.in, tables, got, damaged)
			}
		}
		exportOfOdd(t, rt, e, tables)
	})
}

// exportOfOdd wants one file for each table, with the rows of that table.
func exportOfOdd(t *testing.T, rt *rapid.T, e *engine.Engine, tables []oddTable) {
	t.Helper()
	var out bytes.Buffer
	if err := e.Export(t.Context(), engine.ScopeInput{Scope: keepsake.Everything(), Point: "latest"},
		scope.ExportAs{Format: "csv"}, &out); err != nil {
		rt.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		rt.Fatal(err)
	}
	found := map[int]int{}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			rt.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			rt.Fatal(err)
		}
		for i := range tables {
			if n := strings.Count(string(b), fmt.Sprintf(",table %d row ", i)); n == 12-i &&
				strings.Count(string(b), ",table ") == n {
				found[i]++
			}
		}
	}
	for i := range tables {
		if found[i] != 1 {
			rt.Fatalf("table %v has %d files in %d", tables[i], found[i], len(archive.File))
		}
	}
}
