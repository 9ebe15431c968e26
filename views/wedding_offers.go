package views

import "github.com/wedsync/keepsake/views/ui"

// WeddingOffers are what can be done for a wedding now; what cannot has no address.
type WeddingOffers struct {
	ContactsURL, ContactsText string
	RestoreURL, RestoreText   string
	ThenURL                   string
	ElsewhereURL              string // into a new database, here or on another server
	ExportURL, ExportNote     string
	BackupURL                 string // nothing is saved yet
	Why                       string // why something is not offered
}

// CannotBringBack is what works while the platform cannot be written into.
type CannotBringBack struct {
	Again             string  // where Kept is sent to compare once more; empty where nothing but the address was chosen
	Kept              []Field // what was chosen
	Shell             Shell
	BackURL, BackText string
	Address           string // of this page, to look again
	Name              string
	Notice            ui.Notice
	Offers            WeddingOffers
}

// NothingSaved says that there is no recovery point yet.
type NothingSaved struct {
	Shell             Shell
	BackURL, BackText string
}
