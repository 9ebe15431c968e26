package keepsake

import "strings"

// TableName names a table so that no other one has the same name: "schema.table", and a part that holds a dot or a
// quote stands in quotes, with its quotes doubled. Platforms whose names hold neither have the names that they had
// before parts were quoted.
func TableName(schema, table string) string { return namePart(schema) + "." + namePart(table) }

func namePart(s string) string {
	if strings.ContainsAny(s, `."`) {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}

// TableNameSQL is TableName as an SQL expression, of two expressions for schema and table.
func TableNameSQL(schema, table string) string {
	return "(" + namePartSQL(schema) + " || '.' || " + namePartSQL(table) + ")"
}

func namePartSQL(s string) string {
	return `case when strpos(` + s + `::text, '.') + strpos(` + s + `::text, '"') > 0 then '"' || replace(` + s +
		`::text, '"', '""') || '"' else ` + s + `::text end`
}

// SplitTableName takes a name apart that TableName made. In one of before, where nothing was quoted, the schema ends at
// the first dot: that is the table that was read and written under such a name.
func SplitTableName(full string) (schema, table string) {
	if schema, table, ok := parts(full); ok && TableName(schema, table) == full {
		return schema, table
	}
	schema, table, _ = strings.Cut(full, ".")
	return schema, table
}

// QualifiedName returns the TableName of a name that a person wrote, where public is the schema of a bare one. Quotes
// are allowed where they are not needed: "Guest List" is public.Guest List.
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
