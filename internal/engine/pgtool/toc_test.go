package pgtool

import (
	"slices"
	"strings"
	"testing"
)

const listing = `;
; Archive created at 2026-11-23 08:00:00 UTC
;     dbname: 12; 3 4 TABLE public fake owner
;     TOC Entries: 21
;
; Selected TOC Entries:
;
6; 2615 16385 SCHEMA - auth postgres
7; 2615 16386 SCHEMA - auth copy the boss
2; 3079 16390 EXTENSION - uuid-ossp 
3400; 0 0 COMMENT - EXTENSION "uuid-ossp" 
3401; 0 0 ACL - SCHEMA auth copy the boss
216; 1259 16391 TABLE auth users postgres
217; 1259 16392 TABLE auth copy users the boss
218; 1259 16393 TABLE public seating plan the boss
3402; 2606 16394 FK CONSTRAINT public guests guests_wedding_id_fkey postgres
3403; 0 0 MATERIALIZED VIEW DATA public totals postgres
3404; 2620 16395 TRIGGER auth users on new user postgres
3405; 0 0 DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES the boss
3406; 6104 16396 PUBLICATION - news postgres
3407; 6106 16397 PUBLICATION TABLE public news guests postgres
3408; 2605 16398 CAST - CAST (text AS public.mood) 
3409; 1417 16399 SERVER - far away postgres
3410; 0 0 USER MAPPING - USER MAPPING the boss SERVER far away postgres
3411; 1255 16400 FUNCTION public plan(integer, text) postgres
3412; 1259 16401 TABLE 宴会 größe élise
3413; 1259 16402 TABLE public ;-- 1; 2 3 TABLE boss
not an entry at all
1259 16402 TABLE public half
`

func TestParseList(t *testing.T) {
	t.Parallel()
	want := []Entry{
		{"", "SCHEMA", "-", "auth", "postgres"},
		{"", "SCHEMA", "-", "auth copy", "the boss"},
		{"", "EXTENSION", "-", "uuid-ossp", ""},
		{"", "COMMENT", "-", `EXTENSION "uuid-ossp"`, ""},
		{"", "ACL", "-", "SCHEMA auth copy", "the boss"},
		{"", "TABLE", "auth", "users", "postgres"},
		{"", "TABLE", "auth copy", "users", "the boss"},
		{"", "TABLE", "public", "seating plan", "the boss"},
		{"", "FK CONSTRAINT", "public", "guests guests_wedding_id_fkey", "postgres"},
		{"", "MATERIALIZED VIEW DATA", "public", "totals", "postgres"},
		{"", "TRIGGER", "auth", "users on new user", "postgres"},
		{"", "DEFAULT ACL", "public", "DEFAULT PRIVILEGES FOR TABLES", "the boss"},
		{"", "PUBLICATION", "-", "news", "postgres"},
		{"", "PUBLICATION TABLE", "public", "news guests", "postgres"},
		{"", "CAST", "-", "CAST (text AS public.mood)", ""},
		{"", "SERVER", "-", "far away", "postgres"},
		{"", "USER MAPPING", "-", "USER MAPPING the boss SERVER far away", "postgres"},
		{"", "FUNCTION", "public", "plan(integer, text)", "postgres"},
		{"", "TABLE", "宴会", "größe", "élise"},
		{"", "TABLE", "public", ";-- 1; 2 3 TABLE", "boss"},
	}
	got := parseList(listing, []string{"boss", "postgres", "the\nboss"})
	if len(got) != len(want) {
		t.Fatalf("%d entries, want %d: %+v", len(got), len(want), got)
	}
	for i, e := range got {
		if !strings.Contains("\n"+listing, "\n"+e.Line+"\n") {
			t.Errorf("the line %q is not in the list as it was printed", e.Line)
		}
		if e.Line = ""; e != want[i] {
			t.Errorf("entry %d: %+v, want %+v", i, e, want[i])
		}
	}
}

func TestEntriesOfASchema(t *testing.T) {
	t.Parallel()
	var found []string
	for _, e := range parseList(listing, []string{"the boss", "postgres"}) {
		if e.InSchema("auth copy") {
			found = append(found, e.Kind+" "+e.Name)
		}
	}
	if want := []string{"SCHEMA auth copy", "ACL SCHEMA auth copy", "TABLE users"}; !slices.Equal(found, want) {
		t.Errorf("in schema %q: %q, want %q", "auth copy", found, want)
	}
}

// Every line is one entry or none, and keeps its text, whatever it holds.
func FuzzParseList(f *testing.F) {
	f.Add(listing, "the boss")
	f.Add("1; 2 3 TABLE", "")
	f.Add("1; 2 3 SCHEMA - \n1; 2 3 TABLE   \r\n", " ")
	f.Fuzz(func(t *testing.T, list, role string) {
		for _, e := range parseList(list, []string{role}) {
			if !strings.Contains(list, e.Line) || strings.Contains(e.Line, "\n") || e.Kind == "" &&
				!strings.Contains(e.Line, "  ") {
				t.Fatalf("%+v of %q", e, list)
			}
		}
	})
}
