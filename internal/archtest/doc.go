// Package archtest holds the map of ARCHITECTURE.md against the code: arrows between packages point inward. It also
// holds the documents: their width, their length, their links and the tests that they name.
package archtest
