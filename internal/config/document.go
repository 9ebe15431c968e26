package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// document is the parsed file. It knows the line of every field.
type document struct {
	path string
	root ast.Node // nil for an empty file
	refs []string // "${NAME}" and "$${" as written, by the number in their placeholders
}

// References are replaced by placeholders before the text is parsed and by values after it, so that no value, whatever
// characters a password has, can be taken for YAML.
var (
	reference   = regexp.MustCompile(`\$\$\{|\$\{[^}\s"']*\}|\$\{`)
	placeholder = regexp.MustCompile("\uE000([0-9]+)\uE001")
	envName     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// parse reads the file's text and fills in the environment.
func parse(path string, raw []byte, lookup func(string) (string, bool)) (*document, error) {
	d := &document{path: path}
	text := reference.ReplaceAllStringFunc(string(raw), func(ref string) string {
		d.refs = append(d.refs, ref)
		return fmt.Sprintf("\uE000%d\uE001", len(d.refs)-1)
	})
	file, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		return nil, d.explain(err)
	}
	docs := slices.DeleteFunc(file.Docs, func(doc *ast.DocumentNode) bool { return doc.Body == nil })
	if len(docs) == 0 {
		return d, nil
	}
	if len(docs) > 1 {
		return nil, keepsake.Errorf(keepsake.CodeInvalid, "%s:%d: a second YAML document begins here: keep everything in one",
			path, line(docs[1].Body))
	}
	d.root = docs[0].Body
	f := &filler{document: d, lookup: lookup}
	ast.Walk(f, d.root)
	return d, f.err
}

// decode fills c. Unknown fields are errors.
func (d *document) decode(c *Config) error {
	if d.root == nil {
		return nil
	}
	if err := yaml.NodeToValue(d.root, c, yaml.Strict()); err != nil {
		return d.explain(err)
	}
	return nil
}

var (
	yamlPosition = regexp.MustCompile(`^\[(\d+):\d+\] `)
	yamlType     = regexp.MustCompile(`cannot unmarshal .* into Go (?:struct field \S+|value) of type (\S+)`)
	yamlNode     = regexp.MustCompile(`^(\w+) was used where (\w+) is expected`)
)

// explain turns the YAML library's error, which draws the source and with it perhaps a password, into one line.
func (d *document) explain(err error) error {
	text, _, _ := strings.Cut(yaml.FormatError(err, false, false), "\n")
	at := d.path
	if m := yamlPosition.FindStringSubmatch(text); m != nil {
		at, text = at+":"+m[1], strings.TrimPrefix(text, m[0])
	}
	if m := yamlType.FindStringSubmatch(text); m != nil {
		text = "the value is of the wrong type, " + kindWord(m[1]) + " belongs here"
	}
	if m := yamlNode.FindStringSubmatch(text); m != nil {
		text = kindWord(m[1]) + " stands where " + kindWord(m[2]) + " belongs"
	}
	text = placeholder.ReplaceAllStringFunc(text, d.written)
	return keepsake.Errorf(keepsake.CodeInvalid, "%s: %s: correct it, keepsake.example.yaml shows every field", at, text)
}

// kindWord names a YAML or Go type for people.
func kindWord(kind string) string {
	switch kind {
	case "int":
		return "a number"
	case "bool":
		return "true or false"
	case "mapping":
		return "a group of fields"
	case "sequence":
		return "a list"
	default:
		return "a text"
	}
}

// written returns what a placeholder stands for, as the file has it.
func (d *document) written(mark string) string {
	n, err := strconv.Atoi(placeholder.FindStringSubmatch(mark)[1])
	if err != nil || n >= len(d.refs) {
		return mark
	}
	return d.refs[n]
}

// notText are the fields that are no texts. Everywhere else a number, such as a password of digits, is meant as it is
// written.
var notText = map[string]bool{"workers": true, "offsite": true, "second_approver": true, "alone_weddings": true,
	"alone_share": true, "require_mfa": true, "path_style": true, "automatic": true, "archive_days": true,
	"last": true, "hourly": true, "daily": true, "weekly": true, "monthly": true, "yearly": true,
	"milestone_days": true, "most_share": true, "most_points": true,
	// of limits; elsewhere groups and lists have these names
	"full": true, "incremental": true, "critical": true, "wedding": true, "emergency": true}

// filler puts the environment's values in the place of placeholders.
type filler struct {
	*document
	lookup func(string) (string, bool)
	err    error
}

// Visit fills in one node.
func (f *filler) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.StringNode:
		n.Value = f.fill(n.Value, n)
	case *ast.MappingValueNode:
		n.Value = f.retype(n.Key.String(), n.Value)
	case *ast.SequenceNode:
		for i := range n.Values {
			n.Values[i] = f.retype("", n.Values[i])
		}
	}
	return f
}

func (f *filler) fill(text string, n ast.Node) string {
	return placeholder.ReplaceAllStringFunc(text, func(mark string) string {
		ref := f.written(mark)
		if ref == "$${" {
			return "${"
		}
		name := strings.TrimSuffix(strings.TrimPrefix(ref, "${"), "}")
		value, ok := f.lookup(name)
		switch {
		case f.err != nil:
		case !strings.HasSuffix(ref, "}") || !envName.MatchString(name):
			f.err = keepsake.Errorf(keepsake.CodeInvalid,
				"%s:%d: %s names no environment variable: write ${NAME}, or $${ for a literal ${", f.path, line(n), ref)
		case !ok:
			f.err = keepsake.Errorf(keepsake.CodeInvalid,
				"%s:%d: the environment variable %s is not set: set it, or write $${ for a literal ${", f.path, line(n), name)
		}
		return value
	})
}

// retype makes texts of numbers, and numbers and truth values of texts that came from the environment, as the field
// wants it.
func (f *filler) retype(field string, n ast.Node) ast.Node {
	tk := n.GetToken()
	if !notText[field] {
		switch n.Type() {
		case ast.IntegerType, ast.FloatType, ast.BoolType, ast.InfinityType, ast.NanType:
			return ast.String(tk)
		}
		return n
	}
	s, ok := n.(*ast.StringNode)
	if !ok {
		return n
	}
	s.Value = f.fill(s.Value, s)
	typed := tk.Clone()
	typed.Value = s.Value
	if _, err := strconv.Atoi(s.Value); err == nil {
		return ast.Integer(typed)
	}
	if s.Value == "true" || s.Value == "false" {
		return ast.Bool(typed)
	}
	return n
}

// at says where a field stands: the file, its line or that of the nearest field around it, and the field's name. The
// path is made of names and, for lists, of indices.
func (d *document) at(path ...any) string {
	var name strings.Builder
	node, found := d.root, d.root
	for _, step := range path {
		if i, ok := step.(int); ok {
			_, _ = fmt.Fprintf(&name, "[%d]", i)
		} else {
			if name.Len() > 0 {
				name.WriteByte('.')
			}
			_, _ = fmt.Fprint(&name, step)
		}
		node = child(node, step)
		if node != nil {
			found = node
		}
	}
	if found == nil || found == d.root {
		return d.path + ": " + name.String()
	}
	return fmt.Sprintf("%s:%d: %s", d.path, line(found), name.String())
}

// child returns the node of one field or list entry, or nil.
func child(n ast.Node, step any) ast.Node {
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			if v.Key.String() == step {
				return v.Value
			}
		}
	case *ast.MappingValueNode:
		if n.Key.String() == step {
			return n.Value
		}
	case *ast.SequenceNode:
		if i, ok := step.(int); ok && i < len(n.Values) {
			return n.Values[i]
		}
	}
	return nil
}

// line returns the line that a node begins in. The token of a mapping in block style is the colon of its first field.
func line(n ast.Node) int {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		n = m.Values[0].Key
	}
	if tk := n.GetToken(); tk != nil && tk.Position != nil {
		return tk.Position.Line
	}
	return 1
}
