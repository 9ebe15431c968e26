package keepsake

import (
	"strings"
	"time"
)

// Tier is the priority of a table. It decides the order of backups and restores, and the recovery time that is
// promised.
type Tier string

// The tiers, most urgent first.
const (
	TierCritical Tier = "critical"
	TierHigh     Tier = "high"
	TierStandard Tier = "standard"
)

// Tiers lists every tier, most urgent first.
func Tiers() []Tier { return []Tier{TierCritical, TierHigh, TierStandard} }

// Rank orders tiers. A table of rank 0 is read and restored first.
func (t Tier) Rank() int {
	switch t {
	case TierCritical:
		return 0
	case TierHigh:
		return 1
	default:
		return 2
	}
}

// Goal is the longest time a restore of the tier may take.
func (t Tier) Goal() time.Duration {
	switch t {
	case TierCritical:
		return 15 * time.Minute
	case TierHigh:
		return time.Hour
	default:
		return 4 * time.Hour
	}
}

// ParseTier returns the tier named s, or an Error with CodeInvalid.
func ParseTier(s string) (Tier, error) {
	switch t := Tier(strings.ToLower(s)); t {
	case TierCritical, TierHigh, TierStandard:
		return t, nil
	}
	return "", Errorf(CodeInvalid, "unknown tier %q: use critical, high or standard", s)
}

// DataMap says what the platform's catalog cannot: which tables matter most, and which tables are the roots of
// weddings and organizations. Table names are "schema.table". A bare name is in the schema public.
type DataMap struct {
	Wedding      RootTable   `yaml:"wedding"`
	Organization RootTable   `yaml:"organization"`
	Vendor       VendorTable `yaml:"vendor"`
	// Tiers lists the tables of each tier. Every table that no list names is standard, so that none is left out. The
	// tables of weddings and organizations are critical whether or not they are listed.
	Tiers map[Tier][]string `yaml:"tiers"`
	// ForeignKeys are references that the platform does not declare.
	ForeignKeys []VirtualKey `yaml:"foreign_keys"`
	// Shared are tables that belong to no wedding, although they reference one: users who work at a wedding just now.
	Shared []string `yaml:"shared"`
}

// VendorTable names the table of the vendors, and the columns that people need to reach them. Each column may be left
// out.
type VendorTable struct {
	Table   string `yaml:"table"`
	Kind    string `yaml:"kind"`
	Name    string `yaml:"name"`
	Contact string `yaml:"contact"`
	Phone   string `yaml:"phone"`
	Email   string `yaml:"email"`
	Place   string `yaml:"place"`
}

// VirtualKey is a reference from columns of one table to columns of another that the platform does not declare. The
// referenced columns need not be unique.
type VirtualKey struct {
	Table             string   `yaml:"table"`
	Columns           []string `yaml:"columns"`
	References        string   `yaml:"references"`
	ReferencedColumns []string `yaml:"referenced_columns"`
}

// RootTable names the table at which a scope begins, and its columns that Keepsake reads.
type RootTable struct {
	Table        string `yaml:"table"`
	Name         string `yaml:"name"`         // column shown to people
	Date         string `yaml:"date"`         // wedding: column of the wedding day
	Organization string `yaml:"organization"` // wedding: column of the owning organization
	// Places are the columns of a wedding that say where it is. A search looks through them too. A column that the table
	// lacks is ignored.
	Places []string `yaml:"places"`
}

// DefaultDataMap returns the data map of WedSync's own platform.
func DefaultDataMap() DataMap {
	return DataMap{
		Wedding: RootTable{
			Table:        "public.weddings",
			Name:         "couple",
			Date:         "wedding_date",
			Organization: "organization_id",
			Places:       []string{"venue", "city"},
		},
		Organization: RootTable{Table: "public.organizations", Name: "name"},
		Vendor: VendorTable{
			Table:   "public.suppliers",
			Kind:    "kind",
			Name:    "name",
			Contact: "contact_name",
			Phone:   "phone",
			Email:   "email",
			Place:   "city",
		},
		Tiers: map[Tier][]string{
			TierCritical: {"users", "suppliers", "clients", "organizations"},
			TierHigh:     {"forms", "journey_instances", "audit_logs", "files", "payments"},
			TierStandard: {"communications", "user_profiles", "event_logs"},
		},
	}
}

// TierOf returns the tier of a table. The tables of weddings and of organizations are critical by definition: without
// them no other row has an owner. The cost is one scan of the map's lists, which name tens of tables.
func (m DataMap) TierOf(schema, table string) Tier {
	full := TableName(schema, table)
	if m.IsRoot(full) {
		return TierCritical
	}
	for _, t := range Tiers() {
		for _, name := range m.Tiers[t] {
			if QualifiedName(name) == full {
				return t
			}
		}
	}
	return TierStandard
}

// IsRoot reports whether the table with this full name is the one of weddings or the one of organizations.
func (m DataMap) IsRoot(full string) bool {
	return m.Wedding.Table != "" && QualifiedName(m.Wedding.Table) == full ||
		m.Organization.Table != "" && QualifiedName(m.Organization.Table) == full
}
