package keepsake

// Coverage says what a recovery point covers, in words about weddings. Each figure is counted in the snapshot itself.
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

// TableCoverage says how many rows of a table are covered. Rows of partitions count with their topmost table.
type TableCoverage struct {
	Table string `json:"table"` // full name, as in TableName
	Rows  int64  `json:"rows"`
}

// WeddingCoverage says which weddings and vendors a recovery point covers. A manifest holds it in this form.
type WeddingCoverage struct {
	Weddings int64           `json:"weddings"`
	Undated  int64           `json:"undated,omitempty"` // those of them whose day is not known
	Days     []DayRange      `json:"days,omitempty"`    // on which there is a wedding, in order and apart
	Vendors  *VendorCoverage `json:"vendors,omitempty"` // nil where the platform has no such table
}

// DayRange is a range of days without a gap. From and To are both included and have the form YYYY-MM-DD.
type DayRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// VendorCoverage says how many vendors there are, and how many of them have a telephone number or an e-mail address.
// Nobody can call the others.
type VendorCoverage struct {
	Vendors   int64 `json:"vendors"`
	Reachable int64 `json:"reachable"`
}
