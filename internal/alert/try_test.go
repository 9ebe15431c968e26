package alert_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/alert"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestStoppingWaitsForNoAddress: an address that never answers keeps nobody who stops from ending.
func TestStoppingWaitsForNoAddress(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		stop()
		<-over
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(over) })
	url := keepsake.Secret("generic://" + strings.TrimPrefix(s.URL, "http://") + "/hook?disabletls=yes")
	started := time.Now()
	if _, err := alert.Test(ctx, []keepsake.Secret{url, url}, "", time.Now()); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("stopping took %s", took)
	}
}
