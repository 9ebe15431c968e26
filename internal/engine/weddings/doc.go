// Package weddings lists and searches the weddings and organizations of the live platform and of recovery points. It
// keeps the names that it read last, and decides nothing by them.
package weddings
