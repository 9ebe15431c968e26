package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestAnAnswerThatTookTooLongIsNoFault: it can be asked for again, and what went wrong inside is told to nobody.
func TestAnAnswerThatTookTooLongIsNoFault(t *testing.T) {
	t.Parallel()
	late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	cause := errors.New("canceling statement at db.internal")
	if p := problemOf(late, cause); p.Status != http.StatusServiceUnavailable || p.Code != "unavailable" ||
		!errors.Is(p, cause) || strings.Contains(p.Detail, "db.internal") {
		t.Errorf("%+v", p)
	}
	if p := problemOf(t.Context(), cause); p.Status != http.StatusInternalServerError ||
		strings.Contains(p.Detail, "db.internal") {
		t.Errorf("%+v", p)
	}
	if p := problemOf(late, keepsake.Errorf(keepsake.CodeNotFound, "There is none.")); p.Status != http.StatusNotFound {
		t.Errorf("%+v", p)
	}
}
