package scope

import "github.com/wedsync/keepsake/internal/keepsake"

// Root is the table and the column that name one wedding or one organization, and its key.
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
