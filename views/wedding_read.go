package views

import "github.com/wedsync/keepsake/views/ui"

// Contacts are a wedding's vendors.
type Contacts struct {
	Shell                  Shell
	Name, PointURL         string
	When                   ui.When
	Notices                []ui.Notice
	CSV, VCard, RestoreURL string // RestoreURL is empty where nothing can be brought back now
	WeddingURL             string
	List                   []Contact
}

// Contact is one vendor.
type Contact struct {
	Kind, Name, Who, Place string
	Phone, Tel             string
	Email, Mail            string
}

// WeddingThen is a wedding as it was.
type WeddingThen struct {
	Shell                        Shell
	Name, PointURL               string
	BackURL, BackText            string
	CSV, JSON, ContactsURL, Read string
	When                         ui.When
	Notices                      []ui.Notice
	Tables                       []ThenTable
}

// ThenTable is one table of it.
type ThenTable struct {
	Name, Count, More string
	Shared            bool
	Columns           []string
	Rows              [][]string
}

// Emergency is the page for somebody who needs one wedding now.
type Emergency struct {
	Shell   Shell
	Notices []ui.Notice
	Groups  []EmergencyGroup // of today, of tomorrow, and the next ones
	Many    bool             // the search comes first
	More    string           // how many are not listed; empty: none
	// for a platform that cannot be written into: it is looked at again every few seconds
	Waiting             bool
	Newest              ui.When
	NewestURL, WholeURL string
	CriticalURL         string         // the critical tier, compared with the live platform
	Running             []OperationRow // restores that run now, whoever started them
}

// EmergencyGroup is the weddings of a day, or the next ones.
type EmergencyGroup struct {
	ID, Title   string
	Urgent      bool
	First, Rest []EmergencyWedding // Rest is folded
	RestTitle   string
}

// EmergencyWedding is one wedding with what can be done for it.
type EmergencyWedding struct {
	Wedding
	Offers WeddingOffers
}
