package keepsake

// Exception is one thing that a restore could not make, or could not make as it was. People and programs outside read
// it, so its texts hold no secret and no row.
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
	// Lacking are the server's own words where it lacks what the statement names. They never leave the process.
	Lacking string `json:"-"`
}

// LostRows is the kind of an exception for a table without its rows. It is the worst kind.
const LostRows = "table rows"
