package keepsake

// NotCarried is one thing of the platform that a backup does not hold or a restore did not bring back, and why.
type NotCarried struct {
	Kind   string `json:"kind"` // "table rows", "role", "grant", "extension", …
	Name   string `json:"name"`
	Reason string `json:"reason"`
}
