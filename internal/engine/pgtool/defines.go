package pgtool

import "strings"

// Defines counts what an archive's entries define, by kind, schema and name. In an archive's list all of that is one
// line, so that where the schema ends is not asked, and a function's arguments are left out.
type Defines map[string]int

// DefinesOf counts the entries of a list.
func DefinesOf(entries []Entry) Defines {
	d := Defines{}
	for _, e := range entries {
		d[defines(e.Kind, e.Schema, e.Name)]++
	}
	return d
}

// Take reports whether one more thing of that kind and name is defined.
func (d Defines) Take(kind, schema, name string) bool {
	key := defines(kind, schema, name)
	d[key]--
	return d[key] >= 0
}

func defines(kind, schema, name string) string {
	switch kind {
	case "FUNCTION", "PROCEDURE", "AGGREGATE":
		name, _, _ = strings.Cut(name, "(")
	}
	return kind + " " + oneLine([]string{schema + " " + name})[0]
}
