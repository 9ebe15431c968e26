package draw

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/wedsync/keepsake/internal/console"
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
func ScopedPath(in console.ScopedInput) string {
	if in.Wedding != "" {
		return WeddingURL(in.Wedding) + "/restore"
	}
	return PlatformRestore
}

// ScopedFields name a scope that no path names.
func ScopedFields(in console.ScopedInput) url.Values {
	q := url.Values{}
	switch {
	case in.Organization != "":
		q.Set("organization", in.Organization)
	case in.Everything:
		q.Set("everything", "yes")
	}
	for _, t := range in.Tiers {
		q.Add("tier", string(t))
	}
	return q
}

// ScopedQuery is what the page of a comparison is asked for.
func ScopedQuery(in console.ScopedInput) string {
	q := ScopedFields(in)
	q.Set("point", in.Point)
	q.Set("mode", string(in.Mode))
	return "?" + q.Encode()
}

// ScopeNoun is what comes back, in a word.
func ScopeNoun(in console.ScopedInput) string {
	switch {
	case in.Wedding != "":
		return "wedding"
	case in.Organization != "":
		return "organization"
	case in.Everything:
		return "platform"
	default:
		return "tier"
	}
}

// ScopeBack is the page that a comparison was reached from.
func ScopeBack(in console.ScopedInput) (href, text string) {
	switch {
	case in.Wedding != "":
		return WeddingURL(in.Wedding), "Back to the wedding"
	case in.Organization != "":
		return "/organizations", "All organizations"
	case strings.HasPrefix(in.Point, "2"):
		return PointURL(in.Point), "Back to the recovery point"
	default:
		return "/points", "All recovery points"
	}
}

// RowsAction is where further rows of a table are shown.
func RowsAction(in console.ScopedInput, table string, from int) string {
	return ScopedPath(in) + "/rows?" + url.Values{"table": {table}, "from": {strconv.Itoa(from)}}.Encode()
}

// ScopedInputFields are the hidden fields that name a comparison again.
func ScopedInputFields(in console.ScopedInput) []views.Field {
	out := []views.Field{{Name: "point", Value: in.Point}, {Name: "mode", Value: string(in.Mode)}}
	return append(out, HiddenFields(ScopedFields(in))...)
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
