package draw

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

// PointURL is the page of a recovery point.
func PointURL(id string) string { return "/points/" + id }

// OperationURL is the page of an operation.
func OperationURL(id string) string { return "/operations/" + id }

// WeddingURL is the page of a wedding.
func WeddingURL(id string) string { return "/weddings/" + url.PathEscape(id) }

// OrganizationURL is where an organization is compared with what it was.
func OrganizationURL(id string) string {
	return PlatformRestore + "?" + url.Values{"organization": {id}}.Encode()
}

// PlatformRestore is where restores into the live platform are compared, but for those of one wedding, which has a page
// of its own.
const PlatformRestore = "/platform/restore"

// ScopedURL is the page of a restore into the live platform.
func ScopedURL(restore string) string { return "/restores/" + url.PathEscape(restore) }

// ScopedPath is the page of a scope's comparison, and ScopedQuery what it is asked for.
func ScopedPath(s keepsake.Scope) string {
	if id := s.WeddingID(); id != "" {
		return WeddingURL(id) + "/restore"
	}
	return PlatformRestore
}

// ScopedFields name a scope that no path names.
func ScopedFields(s keepsake.Scope) url.Values {
	q := url.Values{}
	switch s.Kind() {
	case keepsake.ScopeOrganization:
		q.Set("organization", s.OrganizationID())
	case keepsake.ScopeEverything:
		q.Set("everything", "yes")
	}
	for _, t := range s.Tiers() {
		q.Add("tier", string(t))
	}
	return q
}

// ScopedQuery is what the page of a comparison is asked for.
func ScopedQuery(in console.ScopedInput) string {
	q := ScopedFields(in.Scope)
	q.Set("point", in.Point)
	q.Set("mode", string(in.Mode))
	return "?" + q.Encode()
}

// ScopeNoun is what comes back, in a word.
func ScopeNoun(s keepsake.Scope) string {
	switch s.Kind() {
	case keepsake.ScopeEverything:
		return "platform"
	case keepsake.ScopeTiers:
		return "tier"
	}
	return string(s.Kind())
}

// ScopeBack is the page that a comparison was reached from.
func ScopeBack(in console.ScopedInput) (href, text string) {
	switch kind := in.Scope.Kind(); {
	case kind == keepsake.ScopeWedding:
		return WeddingURL(in.Scope.WeddingID()), "Back to the wedding"
	case kind == keepsake.ScopeOrganization:
		return "/organizations", "All organizations"
	case strings.HasPrefix(in.Point, "2"):
		return PointURL(in.Point), "Back to the recovery point"
	default:
		return "/points", "All recovery points"
	}
}

// RowsAction is where further rows of a table are shown.
func RowsAction(s keepsake.Scope, table string, from int) string {
	return ScopedPath(s) + "/rows?" + url.Values{"table": {table}, "from": {strconv.Itoa(from)}}.Encode()
}

// ScopedInputFields are the hidden fields that name a comparison again.
func ScopedInputFields(in console.ScopedInput) []views.Field {
	out := []views.Field{{Name: "point", Value: in.Point}, {Name: "mode", Value: string(in.Mode)}}
	return append(out, HiddenFields(ScopedFields(in.Scope))...)
}

// HiddenFields carry values through a form.
func HiddenFields(values url.Values) (out []views.Field) {
	for name, list := range values {
		for _, v := range list {
			out = append(out, views.Field{Name: name, Value: v})
		}
	}
	return out
}
