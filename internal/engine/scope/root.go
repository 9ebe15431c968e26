package scope

import "github.com/wedsync/keepsake/internal/keepsake"

// Root returns the table of weddings with the key of one, or that of organizations. A scope of whole tables has none.
func Root(d keepsake.DataMap, s keepsake.Scope) (table keepsake.RootTable, id string, err error) {
	switch s.Kind() {
	case keepsake.ScopeWedding:
		return d.Wedding, s.WeddingID(), nil
	case keepsake.ScopeOrganization:
		return d.Organization, s.OrganizationID(), nil
	}
	return table, "", keepsake.Errorf(keepsake.CodeInvalid, "name one wedding or one organization")
}
