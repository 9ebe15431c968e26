// Package check is the preflight and the short look at the platform: it asks everything a little, says what to do about
// what is wrong, and changes nothing that stays.
package check
