// Package scope works with a part of the platform: one wedding, or one organization. From the foreign keys it finds
// out which tables and rows belong to it. It reads its rows at a recovery point from the few chunks that can hold
// them, compares them with the live database, and applies what a person has seen and confirmed, in one transaction
// that can be undone.
//
// It decides nothing by itself. A Preview says all that an Apply would do, and an Apply whose preview is not true any
// more writes nothing.
package scope
