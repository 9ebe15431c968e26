package draw

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

// PointURL returns the address of a recovery point's page.
func PointURL(id string) string { return "/points/" + id }

// OperationURL returns the address of an operation's page.
func OperationURL(id string) string { return "/operations/" + id }

// WeddingURL returns the address of a wedding's page.
func WeddingURL(id string) string { return "/weddings/" + url.PathEscape(id) }

// OrganizationURL returns the address of the page that compares an organization with what it was.
func OrganizationURL(id string) string {
	return PlatformRestore + "?" + url.Values{"organization": {id}}.Encode()
}

// PlatformRestore is the address of the page that compares restores into the live platform. Those of one wedding have
// a page of their own.
const PlatformRestore = "/platform/restore"

// ScopedURL returns the address of a restore into the live platform.
func ScopedURL(restore string) string { return "/restores/" + url.PathEscape(restore) }

// ScopedPath returns the path of a scope's comparison. ScopedQuery returns its query.
func ScopedPath(s keepsake.Scope) string {
	if id := s.WeddingID(); id != "" {
		return WeddingURL(id) + "/restore"
	}
	return PlatformRestore
}

// ScopedFields returns the fields that name a scope which no path names.
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

// ScopedQuery returns the query of a scope's comparison.
func ScopedQuery(in console.ScopedInput) string {
	q := ScopedFields(in.Scope)
	if in.Point != "" {
		q.Set("point", in.Point)
	}
	q.Set("mode", string(in.Mode))
	return "?" + q.Encode()
}

// ScopeNoun returns one word for what comes back.
func ScopeNoun(s keepsake.Scope) string {
	switch s.Kind() {
	case keepsake.ScopeEverything:
		return "platform"
	case keepsake.ScopeTiers:
		return "tier"
	}
	return string(s.Kind())
}

// WithArticle returns a scope's name as it stands in a sentence: "the critical tier", "everything", "Ada & Ben".
func WithArticle(s keepsake.Scope, name string) string {
	if s.Kind() == keepsake.ScopeTiers {
		return "the " + name
	}
	return name
}

// TakesSafePoint reports whether the newest safe recovery point is read of a scope of which none is named. Of an
// organization the newest is read, and what an older one has is only said.
func TakesSafePoint(s keepsake.Scope) bool { return s.Wide() || s.WeddingID() != "" }

// ScopeBack returns the address of the page that a comparison was reached from.
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

// RowsAction returns the address that shows further rows of a table.
func RowsAction(s keepsake.Scope, table string, from int) string {
	return ScopedPath(s) + "/rows?" + url.Values{"table": {table}, "from": {strconv.Itoa(from)}}.Encode()
}

// ScopedInputFields returns the hidden fields that name a comparison again.
func ScopedInputFields(in console.ScopedInput) []views.Field {
	out := []views.Field{{Name: "point", Value: in.Point}, {Name: "mode", Value: string(in.Mode)}}
	return append(out, HiddenFields(ScopedFields(in.Scope))...)
}

// HiddenFields returns hidden fields that carry values through a form.
func HiddenFields(values url.Values) (out []views.Field) {
	for name, list := range values {
		for _, v := range list {
			out = append(out, views.Field{Name: name, Value: v})
		}
	}
	return out
}
