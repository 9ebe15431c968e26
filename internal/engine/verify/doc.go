// Package verify finds out whether recovery points are whole and sound at each provider, and repairs bad copies from
// a provider that has a sound one. It needs no platform.
package verify
