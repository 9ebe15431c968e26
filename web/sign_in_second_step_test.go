package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// cookiesOf are the names of the cookies that the browser would send to a page.
func (s *site) cookiesOf(path string) map[string]string {
	s.t.Helper()
	u, err := url.Parse(s.url + path)
	if err != nil {
		s.t.Fatal(err)
	}
	names := map[string]string{}
	for _, c := range s.client.Jar.Cookies(u) {
		names[c.Name] = c.Value
	}
	return names
}

// halfIn is a site where the password was right and the code is outstanding.
func halfIn(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.auth.step = moment.Add(time.Minute)
	a := s.post("/sign-in", url.Values{"email": {admin.Name}, "password": {"right"}, "next": {"/points?cursor=a"}}).want(
		http.StatusSeeOther)
	if to := a.header.Get("Location"); to != "/sign-in/code?next=%2Fpoints%3Fcursor%3Da" {
		t.Fatalf("after the password: %q", to)
	}
	cookie := a.header.Get("Set-Cookie")
	for _, want := range []string{"keepsake_step=", "HttpOnly", "SameSite=Strict", "Path=/sign-in", "Max-Age=300"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie lacks %s: %s", want, cookie)
		}
	}
	if strings.Contains(cookie, "opaque") || strings.Contains(cookie, "amelia") {
		t.Errorf("the cookie can be read: %s", cookie)
	}
	return s
}

func TestSecondStepOfSigningIn(t *testing.T) {
	t.Parallel()
	s := halfIn(t)
	if c := s.cookiesOf("/"); len(c) != 0 {
		t.Errorf("before the second step the browser holds %v for every page", c)
	}
	if len(s.auth.sessions) != 0 {
		t.Error("a session began before the second step")
	}
	s.get("/").want(http.StatusSeeOther) // nothing is open
	page := s.get("/sign-in/code?next=%2Fpoints%3Fcursor%3Da").want(http.StatusOK).says("Code from your authenticator",
		"Use a recovery code instead", admin.Name)
	code := page.one("input", "name", "code")
	if attr(code, "autocomplete") != "one-time-code" || attr(code, "inputmode") != "numeric" {
		t.Error("a phone does not offer the code")
	}
	form := fields(page.one("form", "action", "/sign-in/code"))
	s.post("/sign-in/code", form).want(http.StatusUnprocessableEntity).says("Type the code")
	form.Set("code", "000000")
	a := s.post("/sign-in/code", form).want(http.StatusUnprocessableEntity).says("That code is not right")
	if strings.Contains(a.body, "000000") {
		t.Error("the code came back in the page")
	}
	form.Set("code", "123456")
	if to := s.post("/sign-in/code", form).want(http.StatusSeeOther).header.Get("Location"); to != "/points?cursor=a" {
		t.Errorf("after the code: %q", to)
	}
	s.get("/").want(http.StatusOK)
	if c := s.cookiesOf("/sign-in/code"); c["keepsake_step"] != "" || c["keepsake_session"] == "" {
		t.Errorf("afterwards the browser holds %v", c)
	}
	if strings.Contains(s.log.String(), "123456") {
		t.Error("the log tells the code")
	}
}

func TestRecoveryCodeInsteadOfACode(t *testing.T) {
	t.Parallel()
	s := halfIn(t)
	other := attr(s.get("/sign-in/code").all("a", "href", "/sign-in/code?use=recovery")[0], "href")
	page := s.get(other).want(http.StatusOK).says("A recovery code", "Use the code of your authenticator instead")
	form := fields(page.one("form", "action", "/sign-in/code"))
	form.Set("code", "zzzz")
	s.post("/sign-in/code", form).want(http.StatusUnprocessableEntity).says("A recovery code")
	form.Set("code", "abcd-efgh-ijkl-mnop")
	form.Set("next", "/points")
	if to := s.post("/sign-in/code", form).want(http.StatusSeeOther).header.Get(
		"Location"); to != "/second-step?next=%2Fpoints&used=recovery" {
		t.Errorf("after a recovery code: %q", to)
	}
	s.get("/").want(http.StatusOK)
}

func TestAStepThatIsForgedOrOverBeginsAgain(t *testing.T) {
	t.Parallel()
	again := func(s *site, cookie string) {
		s.t.Helper()
		for _, a := range []answer{s.get("/sign-in/code?next=%2Fpoints", "Cookie", cookie),
			s.post("/sign-in/code", url.Values{"code": {"123456"}, "next": {"/points"}}, "Cookie", cookie)} {
			if to := a.want(http.StatusSeeOther).header.Get("Location"); to != "/sign-in?ended=step&next=%2Fpoints" {
				s.t.Errorf("%.30s goes to %q", cookie, to)
			}
		}
		if len(s.auth.sessions) != 0 {
			s.t.Errorf("%.30s opened a session", cookie)
		}
	}
	again(newSite(t), "")
	again(newSite(t), "keepsake_step=forged")
	whole := halfIn(t).cookiesOf("/sign-in/code")["keepsake_step"]
	half := len(whole) / 2
	other := "A"
	if whole[half] == 'A' {
		other = "B"
	}
	again(newSite(t), "keepsake_step="+whole[:half]+other+whole[half+1:])
	again(newSite(t), "keepsake_step="+whole[:half])
	// As a session it is nobody, and a session is no step.
	newSite(t).get("/", "Cookie", "keepsake_session="+whole).want(http.StatusSeeOther)
	again(newSite(t), "keepsake_step="+signedIn(t).cookiesOf("/")["keepsake_session"])
	late := newSite(t)
	late.auth.step = moment.Add(-time.Second)
	late.post("/sign-in", url.Values{"email": {admin.Name}, "password": {"right"}}).want(http.StatusSeeOther)
	again(late, "keepsake_step="+late.cookiesOf("/sign-in/code")["keepsake_step"])
	late.get("/sign-in?ended=step").want(http.StatusOK).says("Begin again")
}

// TestSigningInAgainForgetsTheStep: whoever begins anew, right or wrong, has nothing left of before.
func TestSigningInAgainForgetsTheStep(t *testing.T) {
	t.Parallel()
	for name, password := range map[string]string{"right": "right", "wrong": "wrong", "none": ""} {
		s := halfIn(t)
		s.auth.step = time.Time{} // the second step was switched off meanwhile
		s.post("/sign-in", url.Values{"email": {admin.Name}, "password": {password}})
		if c := s.cookiesOf("/sign-in/code"); c["keepsake_step"] != "" {
			t.Errorf("%s password: the step is still there", name)
		}
		s.get("/sign-in/code").want(http.StatusSeeOther)
	}
}
