package main

import (
	"fmt"
	"strings"

	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

func signInStep(theme string, recovery bool, refused string) views.SignInStep {
	return views.SignInStep{
		Shell:    shell(theme, "Sign in", ""),
		Email:    "amelia.hart@wedsync.example",
		Next:     "/",
		Recovery: recovery,
		Error:    refused,
		Other:    "/signin-recovery",
	}
}

func sessions(theme string) views.Sessions {
	vm := views.Sessions{Shell: shell(theme, "Sessions", ""), Count: "2 sessions", List: []views.Session{
		{
			ID:      "1",
			Device:  "Firefox on Linux",
			Agent:   "Mozilla/5.0",
			Place:   "192.0.2.17",
			Started: when("Mon 23 Nov 2026, 07:05 UTC", "12 min ago"),
			Seen:    when("Mon 23 Nov 2026, 07:16 UTC", "1 min ago"),
			Current: true,
		},
		{
			ID:      "2",
			Device:  "Safari on iPhone",
			Agent:   "Mozilla/5.0",
			Place:   "2001:db8:4860:4860:1234:5678:9abc:def0",
			Started: when("Sun 22 Nov 2026, 21:40 UTC", "10 h ago"),
			Seen:    when("Sun 22 Nov 2026, 22:01 UTC", "9 h ago"),
		}}}
	vm.Notices = []ui.Notice{{
		Tone:  ui.ToneMute,
		Title: "Your password alone opens the console",
		Text:  "Also ask for a code from your phone: then a stolen password opens nothing.",
		Href:  "/second-step-off",
		Link:  "Switch the second step on",
	}}
	return vm
}

func secondStep(theme string, on bool) views.SecondStep {
	vm := views.SecondStep{Shell: shell(theme, "Second step", ""), Local: true, On: on, CodesLeft: "2 recovery codes"}
	if on {
		vm.Since = when("Mon 2 Nov 2026, 07:05 UTC", "3 weeks ago")
		vm.Notices = []ui.Notice{{
			Tone:  ui.ToneWarn,
			Title: "You signed in with a recovery code",
			Text: "2 recovery codes are left. Is the phone lost? Switch the second step off and on again with the new one, " +
				"and end its sessions. Was it not you? Have your password changed.",
			Href: "/points",
			Link: "Go on to where you were going",
		}}
	}
	return vm
}

// enrolment has a drawing of the size of a real one, which no camera reads.
func enrolment(theme string) views.Enrolment {
	var path strings.Builder
	for y := 4; y < 53; y++ {
		for x := 4 + y%2; x < 53; x += 2 + (x*y)%3 {
			fmt.Fprintf(&path, "M%d %dh1v1h-1z", x, y)
		}
	}
	return views.Enrolment{
		Shell:  shell(theme, "Switch the second step on", ""),
		QR:     views.QR{Size: "57", Path: path.String()},
		Secret: "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP",
		Link:   "otpauth://totp/Keepsake:amelia.hart@wedsync.example?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Keepsake",
		Error: "That is not the code that this secret gives now. Wait for the next one; if that is refused too, set the " +
			"phone's clock to automatic. Nothing was switched on.",
	}
}

func recoveryCodes(theme string) views.RecoveryCodes {
	vm := views.RecoveryCodes{
		Shell: shell(theme, "Your recovery codes", ""),
		Fresh: true,
		File:  "data:text/plain;charset=utf-8,codes",
	}
	for i := range 10 {
		vm.Codes = append(vm.Codes, fmt.Sprintf("wm%dq-xk7z-h%d2p-v6ta", i%6+2, (i+3)%6+2))
	}
	return vm
}
