// Package scope works with a part of the platform: one wedding, or one organization. It understands which tables and
// rows belong to it from the foreign keys, reads its rows at a recovery point from the few chunks that can hold them,
// compares them with the live database, and applies what a person has seen and confirmed, in one transaction that can
// be undone.
//
// It never decides anything by itself: a Preview says all that an Apply would do, and an Apply whose preview is not
// true any more writes nothing.
package scope
