// Package replicas is the repository at its providers. It opens the repository, knows what each provider holds, reads
// the first sound copy of anything, puts objects everywhere, and keeps what lies there beside rows. It knows the
// format and the stores and nothing of PostgreSQL, because a database has no part in whether a copy is sound.
package replicas
