// Package report is what an operation tells: its progress while it runs, its log, and its result. It is a leaf, which
// every verb and every watcher may import. It never touches a database, a provider or the network.
package report
