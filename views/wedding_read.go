package views

import "github.com/wedsync/keepsake/views/ui"

// Contacts are a wedding's vendors.
type Contacts struct {
	Shell                  Shell
	Name, PointURL         string
	When                   ui.When
	CSV, VCard, RestoreURL string
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
	Name, PointURL, BackURL      string
	CSV, JSON, ContactsURL, Read string
	When                         ui.When
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
	Shell               Shell
	Notices             []ui.Notice
	Now, Later          []EmergencyWedding // within 24 hours, and the next ones
	Newest              ui.When
	NewestURL, WholeURL string
	CriticalURL         string         // the critical tier, compared with the live platform
	Running             []OperationRow // restores that run now, whoever started them
}

// EmergencyWedding is one wedding with what can be done for it.
type EmergencyWedding struct {
	Wedding
	ContactsURL, RestoreURL, ThenURL string
}
