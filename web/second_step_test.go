package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/auth"
)

// TestASecondStepIsSwitchedOnAndOff walks through it as a browser without script would.
func TestASecondStepIsSwitchedOnAndOff(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.get("/sessions").want(http.StatusOK).says("Your password alone opens the console")
	s.get("/second-step").want(http.StatusOK).says("Switched off").one("form", "action", "/second-step/begin")
	for _, page := range []string{"/second-step/begin", "/second-step/off"} { // nothing was begun
		if to := s.get(page).want(http.StatusSeeOther).header.Get("Location"); to != "/second-step" {
			t.Errorf("%s goes to %s", page, to)
		}
	}
	s.tokens.stale = true
	if to := s.post("/second-step/begin", nil).want(http.StatusSeeOther).header.Get(
		"Location"); to != "/prove?next=%2Fsecond-step" {
		t.Errorf("without a recent proof: %s", to)
	}
	s.tokens.stale = false
	if to := s.post("/second-step/begin", nil).want(http.StatusSeeOther).header.Get(
		"Location"); to != "/second-step/begin" {
		t.Errorf("goes to %s", to)
	}
	page := s.get("/second-step/begin").want(http.StatusOK).says("JBSW Y3DP EHPK 3PXP")
	if page.header.Get("Cache-Control") != "no-store" {
		t.Error("the secret may be cached")
	}
	svg := page.one("svg", "class", "ks-qr")
	if attr(svg, "viewbox")+attr(svg, "viewBox") == "" || len(page.all("rect", "fill", "#fff")) != 1 ||
		len(attr(page.all("path", "fill", "#000")[0], "d")) < 1000 {
		t.Error("there is no QR code")
	}
	if !strings.Contains(page.body,
		`href="otpauth://totp/Keepsake:amelia@wedsync.example?secret=JBSWY3DPEHPK3PXP&amp;issuer=Keepsake"`) {
		t.Error("a phone cannot follow the link")
	}
	if strings.Contains(page.body, " style=") || strings.Contains(page.body, "<script>") {
		t.Error("something is inline that the policy forbids")
	}
	form := fields(page.one("form", "action", "/second-step/confirm"))
	form.Set("code", "000000")
	s.post("/second-step/confirm", form).want(http.StatusUnprocessableEntity).says("not the code", "JBSW Y3DP EHPK 3PXP")
	form.Set("code", "123456")
	codes := s.post("/second-step/confirm", form).want(http.StatusOK).says("aaaa-bbbb-cccc-dddd", "shown this once")
	file, err := url.PathUnescape(attr(codes.one("a", "download", "keepsake-recovery-codes.txt"), "href"))
	if err != nil || !strings.HasPrefix(file, "data:text/plain;charset=utf-8,Keepsake recovery codes of "+admin.Name+
		"\n") || !strings.Contains(file, "2. eeee-ffff-gggg-hhhh\n") {
		t.Errorf("the file is %q, %v", file, err)
	}
	// the page reloaded
	if to := s.post("/second-step/confirm", form).want(http.StatusSeeOther).header.Get("Location"); to != "/second-step" {
		t.Errorf("sent again it goes to %s", to)
	}
	if a := s.get("/sessions").want(http.StatusOK); strings.Contains(a.text(), "Your password alone") {
		t.Error("it is still suggested")
	}
	s.get("/second-step").want(http.StatusOK).says("Switched on", "10 recovery codes left")
	s.get("/prove").want(http.StatusOK).says("Or the code of your authenticator")

	off := fields(s.get("/second-step/off").want(http.StatusOK).one("form", "action", "/second-step/off"))
	off.Set("password", "right")
	off.Set("code", "000000")
	s.post("/second-step/off", off).want(http.StatusUnprocessableEntity).says("Nothing was changed")
	off.Set("code", "123456")
	s.post("/second-step/off", off).want(http.StatusSeeOther)
	s.get("/second-step").want(http.StatusOK).says("Switched off")
	if a := s.get("/prove").want(http.StatusOK); strings.Contains(a.text(), "authenticator") {
		t.Error("a code is asked for that nobody has")
	}
	for _, secret := range []string{"JBSW", "aaaa-bbbb", "123456"} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("the log tells %s", secret)
		}
	}
}

func TestRecoveryCodesRunOut(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.tokens.step = auth.SecondStep{Local: true, On: true, Since: moment, CodesLeft: 2}
	s.get("/second-step").want(http.StatusOK).says("2 recovery codes are left", "Make new recovery codes")
	page := s.get("/second-step?used=recovery&next=%2Fpoints%3Fa%3Db").want(http.StatusOK).says(
		"You signed in with a recovery code", "2 recovery codes are left")
	page.one("a", "href", "/points?a=b")
	if a := s.get("/second-step?used=recovery&next=https://elsewhere.example/").want(http.StatusOK); strings.Contains(
		a.body, "elsewhere.example\"") {
		t.Error("the page leads to another site")
	}
	s.tokens.stale = true
	if to := s.post("/second-step/codes", nil).want(http.StatusSeeOther).header.Get(
		"Location"); to != "/prove?next=%2Fsecond-step" {
		t.Errorf("without a recent proof: %s", to)
	}
	s.tokens.stale = false
	form := fields(s.get("/second-step").want(http.StatusOK).one("form", "action", "/second-step/codes"))
	s.post("/second-step/codes", form).want(http.StatusOK).says("eeee-ffff-gggg-hhhh", "Those of before open nothing")
	// Loaded again, the page sends its form once more: the codes that were just written down stay good.
	s.post("/second-step/codes", form).want(http.StatusConflict).says("No new recovery codes were made")
	s.post("/second-step/codes", nil).want(http.StatusConflict)
	s.get("/second-step").want(http.StatusOK).says("10 recovery codes left")
	s.tokens.step = auth.SecondStep{}
	s.get("/second-step").want(http.StatusOK).says("Kept where your account is")
}

func TestProvingByCode(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.tokens.step.On = true
	form := fields(s.get("/prove?next=%2Fpoints").want(http.StatusOK).one("form", "action", "/prove"))
	s.post("/prove", form).want(http.StatusUnprocessableEntity).says("Nothing was changed", "Or the code")
	form.Set("code", "000000")
	wrong := s.post("/prove", form).want(http.StatusUnprocessableEntity).says("Nothing was changed")
	if attr(wrong.one("input", "name", "code"), "aria-invalid") != "true" ||
		attr(wrong.one("input", "name", "password"), "aria-invalid") != "" {
		t.Error("the page does not say which of the two was wrong")
	}
	form.Set("code", "123456")
	if to := s.post("/prove", form).want(http.StatusSeeOther).header.Get("Location"); to != "/points" {
		t.Errorf("goes to %s", to)
	}
	if last := s.tokens.given[len(s.tokens.given)-1]; last.Code != "123456" || last.Password != "" {
		t.Error("the code did not arrive")
	}
}
