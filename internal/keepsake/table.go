package keepsake

import "strings"

// TableName returns the full name of a table, "schema.table", which no other table has. A part that holds a dot or a
// quote stands in quotes, with its quotes doubled. Other names look as they did before parts were quoted.
func TableName(schema, table string) string { return namePart(schema) + "." + namePart(table) }

func namePart(s string) string {
	if strings.ContainsAny(s, `."`) {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}

// TableNameSQL returns an SQL expression for TableName. schema and table are SQL expressions too.
func TableNameSQL(schema, table string) string {
	return "(" + namePartSQL(schema) + " || '.' || " + namePartSQL(table) + ")"
}

func namePartSQL(s string) string {
	return `case when strpos(` + s + `::text, '.') + strpos(` + s + `::text, '"') > 0 then '"' || replace(` + s +
		`::text, '"', '""') || '"' else ` + s + `::text end`
}

// SplitTableName returns the schema and name of a table's full name. In an old name, where nothing is quoted, the
// schema ends at the first dot, because that is the table that was read and written under such a name.
func SplitTableName(full string) (schema, table string) {
	if schema, table, ok := parts(full); ok && TableName(schema, table) == full {
		return schema, table
	}
	schema, table, _ = strings.Cut(full, ".")
	return schema, table
}

// QualifiedName returns the TableName of a name that a person wrote. A bare name is in the schema public. Quotes are
// allowed where they are not needed: "Guest List" is public.Guest List.
func QualifiedName(name string) string {
	if schema, table, ok := parts(name); ok {
		return TableName(schema, table)
	}
	if table, rest, ok := firstPart(name); ok && rest == "" {
		return TableName("public", table)
	}
	if schema, table, dotted := strings.Cut(name, "."); dotted {
		return TableName(schema, table)
	}
	return TableName("public", name)
}

// IsTable reports whether a table's full name is the one that a person wrote as name; none is "".
func IsTable(full, name string) bool { return name != "" && full == QualifiedName(name) }

// parts reads two parts with a dot between them.
func parts(full string) (schema, table string, ok bool) {
	schema, rest, ok := firstPart(full)
	if !ok || !strings.HasPrefix(rest, ".") {
		return "", "", false
	}
	table, rest, ok = firstPart(rest[1:])
	return schema, table, ok && rest == ""
}

// firstPart reads a part, quoted or not, and returns what follows it.
func firstPart(s string) (part, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		i := strings.IndexByte(s, '.')
		if i < 0 {
			i = len(s)
		}
		return s[:i], s[i:], i > 0
	}
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] != '"':
		case i+1 < len(s) && s[i+1] == '"':
			i++
		default:
			return strings.ReplaceAll(s[1:i], `""`, `"`), s[i+1:], i > 1
		}
	}
	return "", "", false
}
