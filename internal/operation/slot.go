package operation

import "github.com/wedsync/keepsake/db"

// Slot is something of a platform that one operation has at a time. It has its slots from the transaction that lets it
// run until the one that ends it, whoever runs it meanwhile. The database gives them and frees them.
type Slot struct {
	Name    string
	Refused error // what whoever asks for an operation is told while another one has the slot
}

// SlotNames are the names of the kind's slots, as the row of an operation has them.
func (a About) SlotNames() []string {
	names := make([]string, len(a.Slots))
	for i, s := range a.Slots {
		names[i] = s.Name
	}
	return names
}

// Refusal is what whoever asks for an operation of the kind is told where err says that a slot is taken, and err
// otherwise.
func (a About) Refusal(err error) error {
	taken := db.TakenSlot(err)
	for _, s := range a.Slots {
		if s.Name == taken {
			return s.Refused
		}
	}
	return err
}
