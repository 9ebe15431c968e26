// Package removal takes recovery points out of the repository. It marks what goes, and sweeps it when the grace period
// is over. docs/design/retention.md says why nothing goes that is needed.
package removal
