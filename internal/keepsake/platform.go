package keepsake

import "regexp"

// DefaultPlatform is the name of the platform where the configuration gives it none.
const DefaultPlatform = "main"

var platformName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

// IsPlatformName reports whether a platform can be called that: small letters, digits and dashes, 40 at most, a letter
// first.
func IsPlatformName(name string) bool { return platformName.MatchString(name) }
