package web_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestStreamCapPerAccount: pages and API count together, what was closed counts no more, and
// everything else answers.
func TestStreamCapPerAccount(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.operations["op1"] = runningBackup("op1")
	s.console.watching = make(chan context.Context, 40)
	token := []string{"Authorization", "Bearer " + fakeToken}
	pages, closePages := context.WithCancel(t.Context())
	for range 16 {
		s.watch(pages, "/operations/op1/events")
		s.watch(t.Context(), "/api/backups/op1/events", token...)
	}
	s.get("/operations/op1/events", "Accept", "text/event-stream").want(http.StatusTooManyRequests).says(
		"You are already watching 32 operations live", "What runs goes on").sets(map[string]string{"Retry-After": "15"})
	s.get("/api/backups/op1/events", token...).want(http.StatusTooManyRequests).sets(
		map[string]string{"Retry-After": "15", "Content-Type": "application/problem+json"})
	s.get("/operations/op1").want(http.StatusOK)
	closePages()
	for range 16 { // each stream ends in its own time
		<-(<-s.console.watching).Done()
		<-s.console.watching // the API's, which goes on
	}
	late := time.After(10 * time.Second)
	for status := 0; status != http.StatusOK; {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/operations/op1/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		status = resp.StatusCode
		_ = resp.Body.Close()
		cancel()
		select {
		case <-late:
			t.Fatal("what was closed still counts")
		default:
		}
	}
}

// TestDownloadCapPerAccount: exports and verifications of pages and API count together, what has ended
// counts no more, and everything else answers.
func TestDownloadCapPerAccount(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.trail = trail()
	begun, release := make(chan struct{}), make(chan struct{})
	end := sync.OnceFunc(func() { close(release) })
	t.Cleanup(end) // or the site would wait for them when the test fails
	var held atomic.Int32
	s.console.holding = func() {
		if held.Add(1) <= 6 {
			begun <- struct{}{}
			<-release
		}
	}
	var taken sync.WaitGroup
	for range 3 {
		taken.Go(func() { s.get("/audit/export?format=csv").want(http.StatusOK) })
		taken.Go(func() { s.asked(http.MethodGet, "/api/audit/export").want(http.StatusOK) })
	}
	for range 6 {
		<-begun
	}
	again := map[string]string{"Retry-After": "15"}
	for _, path := range []string{"/audit/export?format=csv", "/platform/export?everything=1&format=csv",
		"/weddings/w1/export?format=csv"} {
		s.get(path).want(http.StatusTooManyRequests).says(
			"6 downloads and verifications of the audit trail run for you already").sets(again)
	}
	s.post("/audit/verify", nil).want(http.StatusTooManyRequests).sets(again)
	s.asked(http.MethodGet, "/api/audit/export").want(http.StatusTooManyRequests).sets(again)
	s.asked(http.MethodPost, "/api/audit/verify").want(http.StatusTooManyRequests).sets(again)
	s.get("/audit").want(http.StatusOK)
	if s.console.verified+len(s.console.exported) != 0 {
		t.Error("what was refused was done")
	}
	end()
	taken.Wait()
	s.post("/audit/verify", nil).want(http.StatusSeeOther)
}
