package web_test

import (
	"context"
	"net/http"
	"testing"
	"time"
)

// TestNobodyHoldsMoreStreamsThanAnybodyLooksAt: pages and API count together, what was closed counts no more, and everything else answers.
func TestNobodyHoldsMoreStreamsThanAnybodyLooksAt(t *testing.T) {
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
	s.get("/operations/op1/events", "Accept", "text/event-stream").want(http.StatusTooManyRequests).says("You watch 32 operations live already", "What runs goes on").sets(map[string]string{"Retry-After": "15"})
	s.get("/api/backups/op1/events", token...).want(http.StatusTooManyRequests).sets(map[string]string{"Retry-After": "15", "Content-Type": "application/problem+json"})
	s.get("/operations/op1").want(http.StatusOK)
	closePages()
	for range 16 { // each stream ends in its own time
		<-(<-s.console.watching).Done()
		<-s.console.watching // the API's, which goes on
	}
	patience := time.After(10 * time.Second)
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
		case <-patience:
			t.Fatal("what was closed still counts")
		default:
		}
	}
}
