package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/views"
)

// Document returns the OpenAPI 3.1 document of the API, indented.
func Document(a huma.API) ([]byte, error) {
	b, err := json.MarshalIndent(a.OpenAPI(), "", "  ")
	return append(b, '\n'), err
}

// describeHeaders adds the headers that no action's type has: of refusals, and of answers that were given before.
func describeHeaders(doc *huma.OpenAPI) {
	refusals := map[string]map[string]string{
		"304": {"ETag": "Of the answer that is known"},
		"401": {"WWW-Authenticate": "Bearer"},
		"429": {"Retry-After": "Seconds until the next one may be started",
			"RateLimit":        "The limit that is reached, and the seconds until it gives one back",
			"RateLimit-Policy": "That limit, and the seconds it is for"},
	}
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Patch} {
			if op == nil {
				continue
			}
			for status, r := range op.Responses {
				if r.Headers == nil {
					r.Headers = map[string]*huma.Param{}
				}
				for name, text := range refusals[status] {
					r.Headers[name] = &huma.Param{Description: text, Schema: &huma.Schema{Type: huma.TypeString}}
				}
				if op.Method == http.MethodPost && slices.Contains([]string{"200", "202", "400", "404", "409", "415", "422"},
					status) {
					r.Headers["Idempotent-Replayed"] = &huma.Param{
						Description: "true: what was answered to the first request with this Idempotency-Key",
						Schema:      &huma.Schema{Type: huma.TypeString}}
				}
			}
		}
	}
}

// ShowDocument answers with the document.
func ShowDocument(a huma.API) echo.HandlerFunc {
	return func(c echo.Context) error {
		b, err := Document(a)
		if err != nil {
			return err
		}
		return c.Blob(http.StatusOK, "application/vnd.oai.openapi+json;version=3.1", b)
	}
}

// ShowReference shows the document to people. Its page loads nothing from elsewhere.
func ShowReference(pages handlers.Pages, a huma.API) echo.HandlerFunc {
	return func(c echo.Context) error {
		doc := a.OpenAPI()
		vm := views.Reference{
			Shell:    pages.Shell(c, "JSON API", ""),
			Text:     doc.Info.Description,
			Document: Prefix + "/openapi.json",
		}
		groups := map[string]*views.ReferenceGroup{}
		for _, path := range sorted(doc.Paths) {
			item := doc.Paths[path]
			for _, m := range []struct {
				method string
				op     *huma.Operation
			}{{"GET", item.Get}, {"POST", item.Post}, {"PATCH", item.Patch}, {"DELETE", item.Delete}} {
				if m.op == nil {
					continue
				}
				tag := m.op.Tags[0]
				if groups[tag] == nil {
					groups[tag] = &views.ReferenceGroup{Name: tag}
				}
				groups[tag].Actions = append(groups[tag].Actions, reference(doc, m.method, path, m.op))
			}
		}
		for _, tag := range sorted(groups) {
			vm.Groups = append(vm.Groups, *groups[tag])
		}
		return handlers.Render(c, http.StatusOK, views.ReferencePage(vm))
	}
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func reference(doc *huma.OpenAPI, method, path string, op *huma.Operation) views.ReferenceAction {
	out := views.ReferenceAction{ID: op.OperationID, Method: method, Path: path, Summary: op.Summary, Text: op.Description}
	for _, p := range op.Parameters {
		out.Parameters = append(out.Parameters, views.ReferenceField{
			Name:     p.Name,
			Where:    p.In,
			Type:     typeOf(p.Schema),
			Text:     p.Description,
			Required: p.Required,
		})
	}
	if op.RequestBody != nil {
		if media := op.RequestBody.Content["application/json"]; media != nil {
			out.Body = fieldsOf(doc, media.Schema)
		}
	}
	for _, status := range sorted(op.Responses) {
		r := op.Responses[status]
		answer := views.ReferenceAnswer{Status: status, Text: r.Description}
		if media := r.Content["application/json"]; media != nil {
			answer.Fields = fieldsOf(doc, media.Schema)
		}
		out.Answers = append(out.Answers, answer)
	}
	return out
}

// fieldsOf are the fields of an object, one level deep: what lies deeper is named by its type.
func fieldsOf(doc *huma.OpenAPI, s *huma.Schema) (out []views.ReferenceField) {
	if s == nil {
		return nil
	}
	if s.Ref != "" {
		s = doc.Components.Schemas.SchemaFromRef(s.Ref)
	}
	for _, name := range sorted(s.Properties) {
		p := s.Properties[name]
		out = append(out, views.ReferenceField{
			Name:     name,
			Type:     typeOf(p),
			Text:     p.Description,
			Required: slices.Contains(s.Required, name),
		})
	}
	return out
}

func typeOf(s *huma.Schema) string {
	switch {
	case s == nil:
		return ""
	case s.Ref != "":
		return s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
	case len(s.Enum) > 0:
		words := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			words[i] = fmt.Sprint(v)
		}
		return strings.Join(words, " | ")
	case s.Type == huma.TypeArray:
		return "list of " + typeOf(s.Items)
	case s.Format != "":
		return s.Type + ", " + s.Format
	}
	return s.Type
}
