// Package report is what an operation says: its progress while it runs, its log, and its result. It is a leaf, which
// every verb and whoever watches may know. It never touches a database, a provider or the network.
package report
