// Package check is the preflight and the short look at the platform. It asks platform and providers a few questions,
// says what to do about what is wrong, and changes nothing that stays.
package check
