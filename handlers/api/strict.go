package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
)

// wrongQueryKey is where strict leaves what it finds.
type wrongQueryKey struct{}

// strict finds faults of a query that would be passed over. A part that cannot be read would ask for everything, and
// of a parameter that is there twice nobody can say which one is meant. The answer names them together with all else
// that is wrong.
func strict(ctx huma.Context, next func(huma.Context)) {
	address := ctx.URL()
	query, err := url.ParseQuery(address.RawQuery)
	var wrong []error
	if err != nil {
		wrong = append(wrong, &huma.ErrorDetail{
			Location: "query",
			Message:  "cannot be read: in names and values % is written %25, & is %26 and ; is %3B",
		})
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		known := func(p *huma.Param) bool { return p.In == "query" && p.Name == name }
		switch {
		case !slices.ContainsFunc(ctx.Operation().Parameters, known):
			wrong = append(wrong, &huma.ErrorDetail{Location: "query." + name, Message: "unknown query parameter"})
		case len(query[name]) > 1:
			wrong = append(wrong, &huma.ErrorDetail{Location: "query." + name, Message: "is there more than once"})
		}
	}
	if wrong != nil {
		ctx = huma.WithValue(ctx, wrongQueryKey{}, wrong)
	}
	next(ctx)
}

// wrongQuery returns what strict has found.
func wrongQuery(ctx context.Context) []error {
	wrong, _ := ctx.Value(wrongQueryKey{}).([]error)
	return wrong
}

// readJSON reads a body. It refuses one in which a field is there twice, because nobody can say which one is meant.
func readJSON(body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return err
	}
	return oneOfEach(json.NewDecoder(bytes.NewReader(body)))
}

// oneOfEach reads a value whose JSON is known to be right.
func oneOfEach(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil || token != json.Delim('{') && token != json.Delim('[') {
		return err
	}
	seen := map[json.Token]bool{}
	for d.More() {
		if token == json.Delim('{') {
			name, err := d.Token()
			if err != nil {
				return err
			}
			if seen[name] {
				return fmt.Errorf("%s is there more than once", name)
			}
			seen[name] = true
		}
		if err := oneOfEach(d); err != nil {
			return err
		}
	}
	_, err = d.Token() // its end
	return err
}

// unknown answers what is no action: 405 with the methods that there are at the address, or 404.
func unknown(c echo.Context) error {
	var methods []string
	for _, r := range c.Echo().Routes() {
		if strings.HasPrefix(r.Path, Prefix) && r.Method != echo.RouteNotFound && isAt(r.Path, c.Request().URL.Path) &&
			!slices.Contains(methods, r.Method) {
			methods = append(methods, r.Method)
		}
	}
	if methods == nil {
		return echo.ErrNotFound
	}
	slices.Sort(methods)
	c.Response().Header().Set(echo.HeaderAllow, strings.Join(methods, ", "))
	return echo.ErrMethodNotAllowed
}

// isAt reports whether a path is one of a route's.
func isAt(route, path string) bool {
	return slices.EqualFunc(strings.Split(route, "/"), strings.Split(path, "/"), func(want, is string) bool {
		return want == is || strings.HasPrefix(want, ":") && is != ""
	})
}
