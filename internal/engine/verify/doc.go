// Package verify looks whether recovery points are whole and sound at each provider, and repairs what is not from one
// that has a sound copy. It needs no platform.
package verify
