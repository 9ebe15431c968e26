package audit

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Security reports whether an entry is a security event: a failed proof of who it is, something the actor may not do or
// has done too often, a sign-in from a device that was not seen before, a change of keys, accounts, tokens or second
// factors. It looks at the action, at the outcome and at nothing but two details: the code of the refusal and the mark
// of a new device.
func Security(e Entry) bool {
	watch := WordsOf(e.Action).Watch
	code := fmt.Sprint(e.Detail["code"])
	switch {
	case code == string(keepsake.CodeProof) && e.Outcome != Allowed: // whoever is asked for the password first, every day
		return false
	case watch == WatchAlways:
		return true
	case e.Outcome != Allowed && watch == WatchProof:
		return true
	case e.Outcome != Allowed && slices.Contains([]string{string(keepsake.CodeForbidden), string(keepsake.CodeLimited)},
		code):
		return true
	}
	return e.Detail[newDevice] == true
}

// newDevice is the detail that marks a sign-in from a device that was not seen before.
const newDevice = "new_device"

// versions are what an update of a browser changes.
var versions = regexp.MustCompile(`[0-9][0-9._]*`)

// device is what stays the same of what a browser says of itself.
func device(userAgent string) string { return versions.ReplaceAllString(userAgent, "") }

// markDevice marks a sign-in from a device that the account's sign-ins on record do not know.
func markDevice(ctx context.Context, tx db.Tx, actor keepsake.Actor, e Entry) (Entry, error) {
	if e.Action != SessionStart || e.Outcome != Allowed || actor.ID == "" {
		return e, nil
	}
	known, err := tx.ListSignInDevices(ctx, actor.ID)
	if err != nil {
		return e, fmt.Errorf("look up the account's devices: %w", err)
	}
	this := device(clip(actor.UserAgent))
	if slices.ContainsFunc(known, func(agent string) bool { return device(agent) == this }) {
		return e, nil
	}
	e.Detail = maps.Clone(e.Detail)
	if e.Detail == nil {
		e.Detail = map[string]any{}
	}
	e.Detail[newDevice] = true
	return e, nil
}

// about returns the wedding and the recovery point that an entry is about.
func about(e Entry) (wedding, point string) {
	text := func(name string) string { s, _ := e.Detail[name].(string); return s }
	wedding, point = e.WeddingID, e.Point
	if wedding == "" {
		wedding = text("wedding")
	}
	if point == "" {
		point = text("point")
	}
	kind, _, _ := strings.Cut(string(e.Action), ".")
	switch {
	case wedding == "" && (kind == "wedding" || kind == "milestone"):
		wedding = e.Target
	case point == "" && kind == "point":
		point = e.Target
	}
	return wedding, point
}
