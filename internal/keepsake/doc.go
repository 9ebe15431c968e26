// Package keepsake holds the words of the product: backup types, tiers, phases, the 3-2-1 rule, actors and errors.
// It is the leaf of the dependency graph: it imports the standard library only and does no input or output.
package keepsake
