package handlers

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// SetRateLimit writes the headers of an answer that say which limit an error met and when to try again: Retry-After,
// and RateLimit with RateLimit-Policy as in draft-ietf-httpapi-ratelimit-headers, revision 8 and later. For other
// errors it writes nothing. Pages and the API both use it.
func SetRateLimit(h http.Header, err error) {
	var q keepsake.Quota
	if errors.As(err, &q) {
		SetQuota(h, q)
		h.Set("Retry-After", strconv.Itoa(seconds(q.Reset)))
	}
	var busy keepsake.Busy
	if errors.As(err, &busy) {
		h.Set("Retry-After", strconv.Itoa(max(1, seconds(busy.After))))
	}
}

// SetQuota writes the headers of an answer that say what is left of a limit.
func SetQuota(h http.Header, q keepsake.Quota) {
	h.Set("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%d", q.Name, q.Most, seconds(q.Window)))
	limit := fmt.Sprintf("%q;r=%d", q.Name, q.Left)
	if q.Reset > 0 {
		limit += fmt.Sprintf(";t=%d", seconds(q.Reset))
	}
	h.Set("RateLimit", limit)
}

// seconds rounds up, so that a client that waits that long need not wait again.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
