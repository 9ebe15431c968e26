// Package scoped brings a wedding, an organization, tiers or everything back into the live platform, and takes that
// back. It says what was lost and when. It writes only what was shown and confirmed.
package scoped
