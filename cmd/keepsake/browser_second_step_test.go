package main

import (
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// TestASecondStepInTheBrowser switches the second step on over the real program, signs in with a code, with a recovery
// code, and once more while the console's own database is away.
func TestASecondStepInTheBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.withConsole(t)
	url, database := through(t, w.env["KEEPSAKE_CONSOLE_URL"])
	w.env["KEEPSAKE_CONSOLE_URL"] = url
	p, stop := w.served(t)
	password := map[string]string{"email": "ada@example.com", "password": consolePassword}
	p.open("/sign-in?next=/sessions")
	p.fill("Sign in", password)
	p.reads("Your password alone opens the console")
	p.looks("sessions")
	p.click("Switch the second step on")
	p.reads("Switched off")
	p.looks("second-step-off")
	p.click("Switch it on")
	p.reads("Let your authenticator read this")
	p.looks("second-step-begin")
	secret := strings.ReplaceAll(evaluate[string](p, "document.querySelector('.ks-secret').innerText"), " ", "")
	w.secrets = append(w.secrets, secret)
	at := time.Now() // codes are taken in order: each sign-in uses the next one
	code := func() string {
		c, err := totp.GenerateCode(secret, at)
		if err != nil {
			t.Fatal(err)
		}
		at = at.Add(30 * time.Second)
		return c
	}
	p.fill("Switch it on", map[string]string{"code": code()})
	p.reads("shown this once")
	p.looks("second-step-codes")
	codes := evaluate[[]string](p, "[...document.querySelectorAll('.ks-codes li')].map(e => e.innerText)")
	w.secrets = append(w.secrets, codes...)
	if len(codes) != 10 || !evaluate[bool](p, "decodeURIComponent(document.querySelector('a[download]').href).includes("+
		`"10. `+codes[9]+`"`+")") {
		t.Errorf("%d codes, or the file lacks one", len(codes))
	}
	p.click("I have kept them")
	p.reads("10 recovery codes left")
	p.looks("second-step-on")

	signOut := func() {
		evaluate[bool](p, "setTimeout(() => document.querySelector('form[action=\"/sign-out\"]').submit(), 0) > 0")
		p.reads("You are signed out")
	}
	signOut()
	p.open("/sign-in?next=/points")
	p.fill("Sign in", password)
	p.reads("Code from your authenticator")
	p.looks("sign-in-code")
	p.open("/points") // nothing is open yet
	p.until("location.pathname === '/sign-in'")
	p.open("/sign-in/code?next=/points")
	p.fill("Sign in", map[string]string{"code": "000000"})
	p.reads("That code is not right")
	p.fill("Sign in", map[string]string{"code": code()})
	p.until("location.pathname === '/points'")
	signOut()
	p.open("/sign-in?next=/points")
	p.fill("Sign in", password)
	p.click("Use a recovery code instead")
	p.reads("It works once")
	p.looks("sign-in-recovery")
	p.fill("Sign in", map[string]string{"code": codes[0]})
	p.reads("9 recovery codes are left")
	p.looks("second-step-recovered")
	p.click("Go on to where you were going")
	p.until("location.pathname === '/points'")

	// The repository was told, and asks for the second step as well. Of recovery codes it knows those that were left then.
	p.open("/second-step")
	const button = "[...document.querySelectorAll('main button')].find(e => e.textContent.trim() === 'Make new " +
		"recovery codes')"
	if evaluate[bool](p, button+".checkVisibility()") {
		t.Error("one tap ends the recovery codes of before")
	}
	evaluate[bool](p, "("+button+".closest('details').querySelector('summary').click(), true)")
	p.until(button + ".checkVisibility()")
	p.reads("The codes on your paper stop working at once")
	p.looks("second-step-new-codes")
	p.click("Make new recovery codes")
	p.reads("Those of before open nothing")
	fresh := evaluate[[]string](p, "[...document.querySelectorAll('.ks-codes li')].map(e => e.innerText)")
	w.secrets = append(w.secrets, fresh...)
	database.Cut()
	p.until("fetch('/emergency').then(r => r.redirected && r.url.includes('/sign-in'), () => false)")
	p.open("/emergency")
	p.fill("Sign in", password)
	p.reads("Code from your authenticator")
	p.looks("sign-in-code-standby")
	p.click("Use a recovery code instead")
	p.reads("It works once")
	p.fill("Sign in", map[string]string{"code": codes[1]})
	p.reads("That code is not right")
	p.fill("Sign in", map[string]string{"code": fresh[1]})
	p.reads("What do you need?")
	database.Restore()
	stop()
}
