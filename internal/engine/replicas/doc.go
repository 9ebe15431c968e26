// Package replicas is the repository at its providers: opening it, what each of them holds, the first sound copy of
// anything, putting something everywhere, and what lies there beside rows. It knows the format and the stores, and
// nothing of PostgreSQL: whether a copy is sound is no question of a database.
package replicas
