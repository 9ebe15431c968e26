// Package migrations holds the console database's schema as goose migrations. They are the one source for the running
// database and for sqlc. They are numbered by time, one subject a file. Migrations only add: a released one is never
// edited.
package migrations

import "embed"

// FS holds every migration.
//
//go:embed *.sql
var FS embed.FS
