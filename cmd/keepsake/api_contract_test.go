package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"
)

// schema is a JSON schema of the API's document.
type schema map[string]any

func (s schema) of(name string) schema {
	m, _ := s[name].(map[string]any)
	return m
}

func (s schema) number(name string, otherwise int) int {
	if f, ok := s[name].(float64); ok {
		return int(f)
	}
	return otherwise
}

// contract is the API's document, read as somebody reads it who has nothing else.
type contract struct {
	doc       schema
	compiler  *jsonschema.Compiler
	compiled  map[string]*jsonschema.Schema
	known     map[string][]string // what parameters and fields of a name may hold to mean something
	operation []promised
}

// promised is one operation of the document.
type promised struct {
	method, path, id string
	schema
}

const contractFile = "../../docs/openapi.json"

func readContract(t *testing.T) *contract {
	t.Helper()
	text, err := os.ReadFile(contractFile)
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{
		compiler: jsonschema.NewCompiler(),
		compiled: map[string]*jsonschema.Schema{},
		known:    map[string][]string{},
	}
	if err := json.Unmarshal(text, &c.doc); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c.compiler.AssertFormat()
	if err := c.compiler.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	paths := c.doc.of("paths")
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		for _, method := range slices.Sorted(maps.Keys(paths.of(path))) {
			op := paths.of(path).of(method)
			id, _ := op["operationId"].(string)
			c.operation = append(c.operation, promised{strings.ToUpper(method), path, id, op})
		}
	}
	return c
}

// saidOf are the headers that a program goes by: where an answer has one, the document says so.
var saidOf = []string{"Location", "ETag", "WWW-Authenticate",
	"Retry-After", "RateLimit", "RateLimit-Policy", "Idempotent-Replayed"}

// check says what of an answer is not what the document promises of the status; "" is nothing.
func (c *contract) check(t *rapid.T, op promised, status int, head http.Header, body []byte) string {
	answer := op.of("responses").of(fmt.Sprint(status))
	if answer == nil {
		return fmt.Sprintf("the document does not know the status %d of %s", status, op.id)
	}
	for _, name := range saidOf {
		if head.Get(name) != "" && answer.of("headers").of(name) == nil {
			return fmt.Sprintf("the document does not know the header %s of %d of %s", name, status, op.id)
		}
	}
	contentType := head.Get("Content-Type")
	media, _, _ := strings.Cut(contentType, ";")
	content := answer.of("content")
	if content == nil {
		if len(body) > 0 {
			return "the document promises no body"
		}
		return ""
	}
	if content.of(media) == nil {
		return fmt.Sprintf("the document does not know the content type %q", contentType)
	}
	if media != "application/json" && media != "application/problem+json" { // streams and tables
		return ""
	}
	at := "openapi.json#/paths/" + pointer(op.path) + "/" + strings.ToLower(op.method) +
		fmt.Sprintf("/responses/%d/content/", status) + pointer(media) + "/schema"
	if c.compiled[at] == nil {
		compiled, err := c.compiler.Compile(at)
		if err != nil {
			t.Fatalf("%s: %v", at, err)
		}
		c.compiled[at] = compiled
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err == nil {
		err = c.compiled[at].Validate(value)
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// pointer writes a name as a step of a JSON pointer in an address.
func pointer(name string) string {
	return url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
}

func (c *contract) resolve(s schema) schema {
	if ref, ok := s["$ref"].(string); ok {
		return c.doc.of("components").of("schemas").of(ref[strings.LastIndexByte(ref, '/')+1:])
	}
	return s
}

// allowed draws a value that the schema allows. name is the field's or parameter's.
func (c *contract) allowed(t *rapid.T, s schema, name string) any {
	s = c.resolve(s)
	if words, ok := s["enum"].([]any); ok {
		return rapid.SampledFrom(words).Draw(t, name)
	}
	switch s["type"] {
	case "boolean":
		return rapid.Bool().Draw(t, name)
	case "integer", "number":
		low := s.number("minimum", 0)
		return rapid.IntRange(low, s.number("maximum", low+1000)).Draw(t, name)
	case "array":
		out := []any{}
		for range rapid.IntRange(0, 3).Draw(t, name+" length") {
			out = append(out, c.allowed(t, s.of("items"), name))
		}
		return out
	case "object":
		out := map[string]any{}
		required, _ := s["required"].([]any)
		for _, field := range slices.Sorted(maps.Keys(s.of("properties"))) {
			if slices.Contains(required, any(field)) || rapid.Bool().Draw(t, "with "+field) {
				out[field] = c.allowed(t, s.of("properties").of(field), field)
			}
		}
		if more := s.of("additionalProperties"); more != nil {
			for range rapid.IntRange(0, 3).Draw(t, name+" fields") {
				out[rapid.String().Draw(t, "field")] = c.allowed(t, more, "field's value")
			}
		}
		return out
	}
	if s["format"] == "date-time" {
		return time.Unix(rapid.Int64Range(0, 4e9).Draw(t, name), 0).UTC().Format(time.RFC3339)
	}
	if s["pattern"] != nil { // ^[0-9]*$ is the only one
		return rapid.StringMatching(`[0-9]{0,10}`).Draw(t, name)
	}
	if known := c.known[name]; known != nil && rapid.Bool().Draw(t, name+" that is known") {
		return rapid.SampledFrom(known).Draw(t, name)
	}
	return rapid.StringN(s.number("minLength", 0), min(s.number("maxLength", 1000), 300), s.number("maxLength", -1)).Draw(
		t, name)
}

// spoiled draws a value that the schema does not allow; false when there is none of the kind that was drawn.
func (c *contract) spoiled(t *rapid.T, s schema, name string) (any, bool) {
	s = c.resolve(s)
	value := c.allowed(t, s, name)
	fields, isObject := value.(map[string]any)
	if !isObject || rapid.IntRange(0, 4).Draw(t, "spoil all of it") == 0 {
		return c.wrong(t, s)
	}
	switch rapid.SampledFrom([]string{"unknown", "cased", "missing", "wrong"}).Draw(t, "spoil") {
	case "unknown":
		fields["no_such_field"] = 1
		return fields, s["additionalProperties"] == false
	case "cased":
		for field := range s.of("properties") {
			fields[strings.ToUpper(field)] = fields[field]
		}
		return fields, s["additionalProperties"] == false
	case "missing":
		required, _ := s["required"].([]any)
		if len(required) == 0 {
			return nil, false
		}
		field, _ := rapid.SampledFrom(required).Draw(t, "field").(string)
		delete(fields, field)
		return fields, true
	}
	names := slices.Sorted(maps.Keys(s.of("properties")))
	if len(names) == 0 {
		return nil, false
	}
	field := rapid.SampledFrom(names).Draw(t, "field")
	bad, ok := c.spoiled(t, s.of("properties").of(field), field)
	fields[field] = bad
	return fields, ok && bad != nil // null counts as absent
}

// wrong draws a value of another type, or out of the bounds of its own.
func (c *contract) wrong(t *rapid.T, s schema) (any, bool) {
	kind, _ := s["type"].(string)
	ways := map[string]any{"string": "word", "boolean": true, "integer": 1.5, "array": []any{1.0},
		"object": map[string]any{}, "null": nil}
	delete(ways, kind)
	if kind == "number" {
		delete(ways, "integer")
	}
	if s["enum"] != nil {
		ways["enum"] = "no such word"
	}
	if most := s.number("maxLength", 0); most > 0 {
		ways["maxLength"] = strings.Repeat("x", most+1)
	}
	if most := s.number("maxItems", 0); most > 0 && s["enum"] == nil && s.of("items")["type"] == "string" {
		ways["maxItems"] = slices.Repeat([]any{"x"}, most+1)
	}
	if s["minimum"] != nil {
		ways["minimum"] = s.number("minimum", 0) - 1
	}
	if s["maximum"] != nil {
		ways["maximum"] = s.number("maximum", 0) + 1
	}
	return ways[rapid.SampledFrom(slices.Sorted(maps.Keys(ways))).Draw(t, "how")], true
}
