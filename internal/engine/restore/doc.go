// Package restore brings a recovery point, some tiers of it, or one wedding or organization into a new database, and
// proves what it brought. It never writes to the platform.
package restore
