package keepsake

// Coverage says what a recovery point covers, in the words of weddings. All of it are facts of the very snapshot.
type Coverage struct {
	Tiers []TierCoverage `json:"tiers"` // in the order of Tiers; one without a table is not among them
	WeddingCoverage
}

// TierCoverage is what a recovery point covers of a tier.
type TierCoverage struct {
	Tier   Tier            `json:"tier"`
	Tables []TableCoverage `json:"tables"`
	Rows   int64           `json:"rows"`
}

// TableCoverage is a table whose rows are covered; partitions count with the table that they are of.
type TableCoverage struct {
	Table string `json:"table"` // full name, as in TableName
	Rows  int64  `json:"rows"`
}

// WeddingCoverage is which weddings and vendors a recovery point covers. It is also what a manifest says of them.
type WeddingCoverage struct {
	Weddings int64           `json:"weddings"`
	Undated  int64           `json:"undated,omitempty"` // those of them whose day is not known
	Days     []DayRange      `json:"days,omitempty"`    // on which there is a wedding, in order and apart
	Vendors  *VendorCoverage `json:"vendors,omitempty"` // nil where the platform has no such table
}

// DayRange are days without a gap, as YYYY-MM-DD; To is the last of them.
type DayRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// VendorCoverage is how many vendors there are, and how many of them have a telephone number or an e-mail address,
// without which nobody can be called.
type VendorCoverage struct {
	Vendors   int64 `json:"vendors"`
	Reachable int64 `json:"reachable"`
}
