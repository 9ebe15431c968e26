// Package snapshot takes backups: it reads a platform at one moment, seals what is new, and completes each provider at
// its own pace. It never writes to a platform, and knows no other verb.
package snapshot
