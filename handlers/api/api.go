// Package api is the JSON side of Keepsake: the same use cases as the pages, other clothes. It decides nothing about backups
// itself, takes no cookies, and answers every error as a problem document (RFC 9457). The OpenAPI document is made from the types
// here and nowhere else.
package api

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers"
)

// Prefix is where the API is.
const Prefix = "/api"

// apiVersion is the contract's: it grows when something is added, and never takes anything away.
const apiVersion = "1.0"

// maxBody bounds what is sent to the API, in bytes: every request here is small.
const maxBody = 64 << 10

// Deps is what the API works with.
type Deps struct {
	Console Console
	Answers Answers // kept for requests with an Idempotency-Key
	Stream  handlers.StreamTiming
}

// Mount registers every action of the API on a group of e whose middleware has identified the actor, and returns the API with its
// document. The group's prefix is Prefix.
func Mount(e *echo.Echo, group *echo.Group, d Deps) huma.API {
	config := huma.DefaultConfig("Keepsake", apiVersion)
	config.Info.Description = "The backup console of a wedding platform. Times are RFC 3339 in UTC, sizes bytes, durations seconds. What takes longer than a request " +
		"answers 202 with the address of its operation. A field that is null counts as absent. Errors are problem documents (RFC 9457) with a code for machines and words for people."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath, config.CreateHooks = "", "", "", nil
	config.RejectUnknownQueryParameters = true
	config.Servers = []*huma.Server{{URL: "/"}}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "A token made under Tokens in the console. Its scopes are read, backup and restore."},
	}
	config.Security = []map[string][]string{{"token": {}}}
	a := humaecho.NewWithGroup(e, group, config)
	a.UseMiddleware(once(a), idempotent(a, d.Answers))
	h := &actions{d: d}
	h.backups(a)
	h.points(a)
	h.tests(a)
	h.audit(a)
	h.restores(a)
	h.weddings(a)
	h.overview(a)
	return a
}

// actions are the API's handlers.
type actions struct{ d Deps }

// register adds an action whose errors become problem documents.
func register[I, O any](a huma.API, op huma.Operation, fn func(context.Context, *I) (*O, error)) {
	op.MaxBodyBytes = maxBody
	if op.Method != http.MethodGet {
		op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusServiceUnavailable, http.StatusInternalServerError)
	huma.Register(a, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := fn(ctx, in)
		if err != nil {
			return nil, problemOf(ctx, err)
		}
		return out, nil
	})
}

// once refuses a parameter that is there twice: which of them is meant, nobody can say.
func once(a huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		address := ctx.URL()
		query := address.Query()
		var twice []error
		for _, name := range slices.Sorted(maps.Keys(query)) {
			if len(query[name]) > 1 {
				twice = append(twice, &huma.ErrorDetail{Location: "query." + name, Message: "is there more than once"})
			}
		}
		if twice != nil {
			_ = huma.WriteErr(a, ctx, http.StatusUnprocessableEntity, "validation failed", twice...)
			return
		}
		next(ctx)
	}
}

// get, post and so on name an action.
func action(method, path, id, summary, text, tag string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: Prefix + path, Summary: summary, Description: text, Tags: []string{tag}}
}
