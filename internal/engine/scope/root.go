package scope

import "github.com/wedsync/keepsake/internal/keepsake"

// Root returns the table of weddings with the key of one, or that of organizations. Exactly one of wedding and
// organization must be set.
func Root(d keepsake.DataMap, wedding, organization string) (table keepsake.RootTable, id string, err error) {
	switch {
	case (wedding == "") == (organization == ""):
		return table, "", keepsake.Errorf(keepsake.CodeInvalid, "name one wedding or one organization")
	case wedding != "":
		return d.Wedding, wedding, nil
	default:
		return d.Organization, organization, nil
	}
}
