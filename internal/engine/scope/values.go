package scope

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

// column is one column of a list of rows that a statement is given.
type column struct {
	name string // of the table
	as   string // in the statement
	text bool   // as text, not as the column's type
	side func(Change) []*string
}

func after(c Change) []*string  { return c.After }
func before(c Change) []*string { return c.Before }

// columns are the named columns of one side.
func columns(names []string, side func(Change) []*string) []column {
	out := make([]column, len(names))
	for i, n := range names {
		out[i] = column{name: n, as: n, side: side}
	}
	return out
}

// values is a subquery that returns rows, given as one document: any number of rows with one parameter. ks_n numbers
// them from 1. PostgreSQL reads the text of each value by its type's own input function, because a cast from text may
// be a function that somebody made. No function or operator in it is looked for by search_path, which may be the
// platform's own.
func values(t *TableChanges, columns []column, rows []Change) (string, []any) {
	return valuesAt(t, columns, rows, nil)
}

// valuesAt is values with the place of each row's live one, as ks_table and ks_ctid.
func valuesAt(t *TableChanges, columns []column, rows []Change, places []spot) (string, []any) {
	var types, names, picked []string
	give := func(typ, value, as string) {
		name := fmt.Sprintf("c%d", len(names)+1)
		names, types = append(names, name), append(types, name+" "+typ)
		picked = append(picked, "v."+name+value+" as "+as)
	}
	at := make([]int, len(columns))
	for i, c := range columns {
		at[i] = slices.IndexFunc(t.Columns, func(x repository.Column) bool { return x.Name == c.name })
		switch typ := t.Columns[at[i]].Type; {
		case c.text:
			give("pg_catalog.text", "", quote(c.as))
		case isArray(typ):
			give(typ, "", quote(c.as))
		default:
			give(typ+"[]", "[1]", quote(c.as))
		}
	}
	if places != nil {
		give("pg_catalog.oid", "", "ks_table")
		give("pg_catalog.tid", "", "ks_ctid")
	}
	var b strings.Builder
	b.WriteByte('[')
	for i, r := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"":null`)
		for j, c := range columns {
			value := c.side(r)[at[j]]
			if value == nil {
				continue
			}
			fmt.Fprintf(&b, `,"c%d":`, j+1)
			if c.text || isArray(t.Columns[at[j]].Type) {
				writeJSON(&b, *value)
			} else {
				writeJSON(&b, `{"`+inArray.Replace(*value)+`"}`)
			}
		}
		if places != nil {
			fmt.Fprintf(&b, `,"c%d":"%s","c%d":"%s"`, len(columns)+1, places[i].table, len(columns)+2, places[i].ctid)
		}
		b.WriteByte('}')
	}
	b.WriteByte(']')
	return fmt.Sprintf("(select %s, v.ks_n from rows from (pg_catalog.json_to_recordset($1) as (%s)) with ordinality v "+
			"(%s, ks_n))", strings.Join(picked, ", "), strings.Join(types, ", "), strings.Join(names, ", ")),
		[]any{pgx.QueryExecModeDescribeExec, b.String()}
}

// isArray reports whether a type, as format_type() prints it, is an array. Every other value travels as the only
// element of one, because a JSON string would stay a string where the type is json itself.
func isArray(typ string) bool { return strings.HasSuffix(typ, "[]") }

// inArray escapes an element of an array's text between double quotes.
var inArray = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// writeJSON writes a string of JSON and leaves every byte above the control characters as it is: a database of
// encoding SQL_ASCII may hold what is no UTF-8.
func writeJSON(b *strings.Builder, s string) {
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ':
			fmt.Fprintf(b, `\u%04x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
}
