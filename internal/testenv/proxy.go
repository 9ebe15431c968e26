package testenv

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Link is a network path to a server that a test can make bad.
type Link struct {
	Address string // host:port to connect to instead of the upstream

	t     testing.TB
	proxy *toxiproxy.Proxy
}

// Proxy starts a proxy on a port of its own in front of upstream (host:port). It ends with the test.
func Proxy(t testing.TB, upstream string) *Link {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := toxiproxy.NewProxy(server, t.Name(), "127.0.0.1:0", upstream)
	if err := p.Start(); err != nil {
		t.Fatalf("start a proxy: %v", err)
	}
	t.Cleanup(p.Stop)
	return &Link{Address: p.Listen, t: t, proxy: p}
}

// URL returns the http address of the link.
func (l *Link) URL() string { return "http://" + l.Address }

// Slow delays every answer by latency.
func (l *Link) Slow(latency time.Duration) {
	l.t.Helper()
	l.add("latency", fmt.Sprintf(`{"latency":%d}`, latency.Milliseconds()))
}

// Throttle lets at most kbPerSecond kilobytes a second through in each direction.
func (l *Link) Throttle(kbPerSecond int) {
	l.t.Helper()
	l.addTo("upstream", "bandwidth", fmt.Sprintf(`{"rate":%d}`, kbPerSecond))
	l.addTo("downstream", "bandwidth", fmt.Sprintf(`{"rate":%d}`, kbPerSecond))
}

// Hang keeps connections open and lets no byte of an answer through.
func (l *Link) Hang() {
	l.t.Helper()
	l.add("timeout", `{"timeout":0}`)
}

// CutAfter closes every connection when n bytes of answers have passed.
func (l *Link) CutAfter(n int64) {
	l.t.Helper()
	l.add("limit_data", fmt.Sprintf(`{"bytes":%d}`, n))
}

// Cut closes all connections and refuses new ones.
func (l *Link) Cut() { l.proxy.Stop() }

// Restore makes the path good again.
func (l *Link) Restore() {
	l.t.Helper()
	l.proxy.Toxics.ResetToxics(context.WithoutCancel(l.t.Context()))
	if err := l.proxy.Start(); err != nil && !errors.Is(err, toxiproxy.ErrProxyAlreadyStarted) {
		l.t.Fatalf("restore the proxy: %v", err)
	}
}

func (l *Link) add(kind, attributes string) {
	l.t.Helper()
	l.addTo("downstream", kind, attributes)
}

func (l *Link) addTo(stream, kind, attributes string) {
	l.t.Helper()
	toxic := fmt.Sprintf(`{"name":"%s_%s","type":%q,"stream":%q,"attributes":%s}`, kind, stream, kind, stream, attributes)
	if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		l.t.Fatalf("make the path bad (%s): %v", kind, err)
	}
}
