// Package api is the JSON side of Keepsake. It offers the same use cases as the pages. It decides nothing about
// backups, takes no cookies, and answers every error as a problem document (RFC 9457). The OpenAPI document is made
// from the types here and from nothing else.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Prefix begins the path of every address of the API.
const Prefix = "/api"

// apiVersion is the contract's: it grows when something is added, and never takes anything away.
const apiVersion = "1.0"

// maxBody bounds what is sent to the API, in bytes: every request here is small.
const maxBody = 64 << 10

// Deps is what Mount needs.
type Deps struct {
	Console Console
	Answers Answers // kept for requests with an Idempotency-Key
	Stream  handlers.StreamTiming
	Logger  *slog.Logger
}

// Mount registers every action of the API on a group of e whose middleware has identified the actor, and returns the
// API with its document. The group's prefix is Prefix.
func Mount(e *echo.Echo, group *echo.Group, d Deps) huma.API {
	config := huma.DefaultConfig("Keepsake", apiVersion)
	config.Info.Description = "The backup console of a wedding platform. Times are RFC 3339 in UTC, sizes bytes, " +
		"durations seconds. What takes longer than a request " +
		"answers 202 with the address of its operation. A field that is null counts as absent. Errors are problem " +
		"documents (RFC 9457) with a code for machines and words for people."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath, config.CreateHooks = "", "", "", nil
	config.Formats = map[string]huma.Format{
		"application/json": {Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: readJSON}}
	config.Formats["json"] = config.Formats["application/json"] // the suffix, as in application/problem+json
	config.Servers = []*huma.Server{{URL: "/"}}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {
			Type:        "http",
			Scheme:      "bearer",
			Description: "A token made under Tokens in the console. Its scopes are read, backup and restore.",
		},
	}
	config.Security = []map[string][]string{{"token": {}}}
	a := humaecho.NewWithGroup(e, group, config)
	h := &actions{a: a, d: d}
	a.UseMiddleware(strict, h.idempotent)
	h.backups()
	h.points()
	h.tests()
	h.audit()
	h.restores()
	h.weddings()
	h.overview()
	describeHeaders(a.OpenAPI())
	group.RouteNotFound(Prefix, unknown)
	group.RouteNotFound(Prefix+"/*", unknown)
	return a
}

// actions are the API's handlers.
type actions struct {
	a huma.API
	d Deps
}

// register adds an action whose errors become problem documents. What can be got can be asked for without its body,
// too, unless it is a stream.
func register[I, O any](h *actions, op huma.Operation, fn func(context.Context, *I) (*O, error)) {
	op.MaxBodyBytes = maxBody
	op.BodyReadTimeout = -1 // the body has been read; huma's own deadline would cancel whatever takes longer than that
	if op.Method != http.MethodGet {
		op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusUnsupportedMediaType)
	}
	op.Errors = append(op.Errors, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnauthorized,
		http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusServiceUnavailable, http.StatusInternalServerError)
	act := func(ctx context.Context, in *I) (*O, error) {
		if wrong := wrongQuery(ctx); wrong != nil {
			return nil, invalid(ctx, wrong)
		}
		out, err := fn(ctx, in)
		if err != nil {
			return nil, h.problem(ctx, op.Method, err)
		}
		return out, nil
	}
	huma.Register(h.a, op, act)
	if _, stream := any(new(O)).(*huma.StreamResponse); op.Method == http.MethodGet && !stream {
		op.Method, op.OperationID, op.Hidden = http.MethodHead, op.OperationID+"Head", true
		huma.Register(h.a, op, act)
	}
}

// problem is what somebody reads of an error. What they could not have caused is logged, since they do not read it.
func (h *actions) problem(ctx context.Context, method string, err error) *Problem {
	p := problemOf(ctx, err)
	var wrong *keepsake.Error
	if errors.As(err, &wrong) && wrong.Field != "" {
		in := "body."
		if method == http.MethodGet || method == http.MethodHead {
			in = "query."
		}
		p.Errors = []FieldError{{Location: in + wrong.Field, Message: wrong.Message}}
	}
	if p.Status >= http.StatusInternalServerError && !errors.Is(ctx.Err(), context.Canceled) {
		h.d.Logger.ErrorContext(ctx, "request failed", "request_id", p.Request,
			"method", method, "status", p.Status, "err", keepsake.CauseOf(err))
	}
	return p
}

// fail answers with an error where huma does not.
func (h *actions) fail(c echo.Context, err error) {
	r := c.Request()
	_ = h.problem(r.Context(), r.Method, err).write(c)
}

// get, post and so on name an action.
func action(method, path, id, summary, text, tag string) huma.Operation {
	return huma.Operation{
		OperationID: id,
		Method:      method,
		Path:        Prefix + path,
		Summary:     summary,
		Description: text,
		Tags:        []string{tag},
	}
}
