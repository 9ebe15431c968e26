package views

// Scope is how the platform's tables belong to weddings or organizations.
type Scope struct {
	Shell        Shell
	Of, Root     string
	Organization bool
	Groups       []ScopeGroup
}

// ScopeGroup is the tables that are the same to a scope.
type ScopeGroup struct {
	Name, Text string
	Tables     []ScopeTable
}

// ScopeTable is one table and why it belongs where it is.
type ScopeTable struct{ Name, Why, Key string }
