package keepsake

// Exception is one thing that a restore could not make, or not as it was. It is made for people and programs outside:
// its texts hold no secret and no row.
type Exception struct {
	Kind    string `json:"kind"`               // "table rows", "policy", "grant", "owner", …
	Object  string `json:"object"`             // what it is about, "public.guests"
	Code    string `json:"code"`               // SQLSTATE; empty where no server said anything
	Error   string `json:"error"`              // the server's words, as far as they can be shown
	SQL     string `json:"sql,omitempty"`      // the statement; whatever stood in quotes is '…'
	SQLNote string `json:"sql_note,omitempty"` // how to get the statement as it is, when it is not shown, or not all of it
	Because string `json:"because,omitempty"`  // what it depends on and could not be made either
	Means   string `json:"means"`              // for the data, and what to do
	// its number in the recovery point's schema, as `keepsake schema --entry` takes it
	Entry int `json:"entry,omitempty"`
}

// LostRows is the kind of an exception that is a table without its rows. Nothing else that a restore cannot make is
// worse.
const LostRows = "table rows"
