package platform

import (
	"fmt"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// mostNamed is how many tables a finding names.
const mostNamed = 5

// MinServer is the oldest server that Keepsake can protect, as server_version_num. Older ones have no TID range
// scans, which page ranges need.
const MinServer = 140000

// Finding is one line of a preflight. A finding that is an Error stops a backup.
type Finding struct {
	Error   bool
	Message string // what is so and what it means
	Action  string // what to do
}

// Judge returns what stands in the way of a snapshot that holds every row of the catalog's tables. dumpMajor is
// pg_dump's major version.
func Judge(c *Catalog, dumpMajor int) []Finding {
	var found []Finding
	s := c.Source
	if s.ServerNum < MinServer {
		found = append(found, Finding{true, fmt.Sprintf("the platform runs PostgreSQL %s, and Keepsake needs 14 or newer",
			s.Server), "upgrade the platform's server"})
	}
	if c.Standby {
		found = append(found, Finding{true, "the platform's address leads to a standby: a snapshot that is taken there can " +
			"miss rows of transactions with many savepoints, and what is read meanwhile can hide them from later readers too",
			"use the primary's address"})
	}
	if major := s.ServerNum / 10000; major > dumpMajor {
		found = append(found,
			Finding{
				true, fmt.Sprintf("the platform runs PostgreSQL %s, but the installed pg_dump is version %d and refuses "+
					"newer servers", s.Server, dumpMajor),
				fmt.Sprintf("install postgresql-client-%d", major)})
	}
	var unreadable, hidden, keyless, foreign []string
	for _, t := range c.Tables {
		switch {
		case !t.Readable:
			unreadable = append(unreadable, t.FullName())
		case t.Hidden:
			hidden = append(hidden, t.FullName())
		}
		if !t.HasKey {
			keyless = append(keyless, t.FullName())
		}
		if t.Access != "" {
			foreign = append(foreign, t.FullName()+" ("+t.Access+")")
		}
	}
	if len(unreadable) > 0 {
		found = append(found, Finding{true,
			"the role may not read " + keepsake.FirstFew(unreadable, mostNamed) + ", so their rows would be missing",
			"grant select on them, or pg_read_all_data, to the role"})
	}
	if len(hidden) > 0 {
		found = append(found, Finding{true,
			"row-level security would hide rows of " + keepsake.FirstFew(hidden, mostNamed) + " from the role",
			"use a role with BYPASSRLS"})
	}
	if grant := RunHidden(c); grant != "" {
		found = append(found, Finding{false, "the role may not see when the server's present run began, and without that a " +
			"crash of the server goes unnoticed: every incremental reads every row again", grant})
	}
	if len(keyless) > 0 {
		found = append(found, Finding{false, keepsake.FirstFew(keyless, mostNamed) +
			" have no primary key, so they are backed up and restored whole, but single rows of them cannot be compared",
			"add a primary key where one wedding's rows should be restorable"})
	}
	if len(foreign) > 0 {
		found = append(found, Finding{false, keepsake.FirstFew(foreign, mostNamed) +
			" have another table access method than heap, so every backup reads them whole, each with one session",
			"nothing is missing; where they are large, plan for the time"})
	}
	return found
}

// RunHidden returns the grant that lets an incremental take over what has not changed; "" where nothing is in the way.
func RunHidden(c *Catalog) string {
	switch {
	case c.Source.SystemID == "":
		return "grant execute on function pg_control_system(), pg_control_checkpoint() to the role, and pg_read_all_stats"
	case c.Source.Run == "":
		return "grant pg_read_all_stats (or pg_monitor) to the role"
	}
	return ""
}
