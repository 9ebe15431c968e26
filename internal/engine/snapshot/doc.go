// Package snapshot takes backups. It reads a platform at one moment, seals what is new, and completes each provider
// at that provider's pace. It never writes to a platform, and imports no other verb.
package snapshot
