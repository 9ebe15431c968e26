package address

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Policy says where a typed address may lead.
type Policy struct {
	Allow []string          // public, private, networks and addresses, as ParseNetworks takes them
	Known []keepsake.Secret // connection strings of the operator's own: their servers are allowed wherever they are

	lookup func(ctx context.Context, network, host string) ([]netip.Addr, error) // nil: the system's
	// of this machine's interfaces; nil: the system's
	own func() ([]net.Addr, error)
}

// The words of a policy that stand for many networks.
const (
	Public  = "public"
	Private = "private"
)

// lookupTime bounds how long a name is looked up.
const lookupTime = 5 * time.Second

// ParseNetworks reads a policy's words. bad is the first word that names no network, or "".
func ParseNetworks(allow []string) (networks []netip.Prefix, public, private bool, bad string) {
	for _, word := range allow {
		switch word {
		case Public:
			public = true
			continue
		case Private:
			private = true
			continue
		}
		if addr, err := netip.ParseAddr(word); err == nil && addr.Zone() == "" {
			networks = append(networks, netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()))
		} else if p, err := netip.ParsePrefix(word); err == nil {
			networks = append(networks, p.Masked())
		} else {
			return nil, false, false, word
		}
	}
	return networks, public, private, ""
}

// Check looks the server's name up once, and returns the server with those of its addresses that the policy allows.
// Where the policy allows none, it returns CodeInvalid. The error does not say what the name resolves to, because a
// page must not answer questions about the inner network's names.
func (p Policy) Check(ctx context.Context, s Server) (Server, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	found, err := p.resolve(ctx, s.Host)
	if err != nil || len(found) == 0 {
		return Server{}, keepsake.Errorf(keepsake.CodeInvalid,
			"The host of the address cannot be found. Check how it is written.")
	}
	own, err := p.ownAddresses()
	if err != nil {
		return Server{}, err
	}
	s.at = nil
	for _, addr := range found {
		if !slices.Contains(s.at, addr) && (p.permits(addr, own) || p.knows(ctx, netip.AddrPortFrom(addr, s.Port))) {
			s.at = append(s.at, addr)
		}
	}
	if len(s.at) == 0 {
		return Server{}, keepsake.Errorf(keepsake.CodeInvalid,
			"That address leads to this machine or into a network that a typed address may not lead to. Nothing was sent "+
				"there. Name the server among the targets of keepsake.yaml, or its network in typed_targets.")
	}
	return s, nil
}

func (p Policy) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr.Unmap()}, nil
	}
	lookup := p.lookup
	if lookup == nil {
		lookup = net.DefaultResolver.LookupNetIP
	}
	found, err := lookup(ctx, "ip", host)
	for i := range found {
		found[i] = found[i].Unmap().WithZone("")
	}
	return found, err
}

// ownAddresses are those of this machine's interfaces, as they are now.
func (p Policy) ownAddresses() ([]netip.Addr, error) {
	look := p.own
	if look == nil {
		look = net.InterfaceAddrs
	}
	list, err := look()
	if err != nil {
		return nil, keepsake.Errorf(keepsake.CodeUnavailable,
			"The addresses of this machine cannot be read, so it is not known where that address leads. Nothing was "+
				"sent there: %w", err)
	}
	var own []netip.Addr
	for _, a := range list {
		if n, is := a.(*net.IPNet); is {
			if addr, ok := netip.AddrFromSlice(n.IP); ok {
				own = append(own, addr.Unmap())
			}
		}
	}
	return own, nil
}

// Networks that are no place for a restore, whatever else is allowed: this machine, the link, groups, and where clouds
// answer with credentials.
var forbidden = prefixes("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"100.100.100.200/32", "168.63.129.16/32",
	"::/128", "::1/128", "fe80::/10", "ff00::/8", "fd00:ec2::254/128", "fd20:ce::254/128", "2001::/32", "100::/64")

// Networks that belong to whoever runs the machine.
var private = prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
	"100.64.0.0/10", "198.18.0.0/15", "fc00::/7", "fec0::/10")

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

func within(networks []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// permits judges an address alone. A network that is written out allows what is otherwise forbidden: somebody meant it.
// Of this machine's own addresses that holds for those of the loopback network, and for one that is written out alone:
// a network of the operator's has other machines in it.
func (p Policy) permits(addr netip.Addr, own []netip.Addr) bool {
	networks, public, inner, _ := ParseNetworks(p.Allow)
	if slices.Contains(networks, netip.PrefixFrom(addr, addr.BitLen())) || within(networks, addr) &&
		(addr.IsLoopback() || !slices.Contains(own, addr)) {
		return true
	}
	for _, a := range append(embedded(addr), addr) {
		switch {
		case within(forbidden, a), slices.Contains(own, a):
			return false
		case within(private, a):
			if !inner {
				return false
			}
		case !public:
			return false
		}
	}
	return true
}

// embedded returns the IPv4 address that an IPv6 one stands for where a gateway or the kernel translates it: NAT64,
// 6to4, SIIT, ISATAP, and the old compatible form.
func embedded(addr netip.Addr) []netip.Addr {
	if addr.Is4() {
		return nil
	}
	b := addr.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(addr), netip.MustParsePrefix("::/96").Contains(addr),
		netip.MustParsePrefix("::ffff:0:0:0/96").Contains(addr),
		b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe:
		return []netip.Addr{netip.AddrFrom4([4]byte(b[12:]))}
	case netip.MustParsePrefix("64:ff9b:1::/48").Contains(addr):
		// of the operator's own network at least
		return []netip.Addr{netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte{10})}
	case netip.MustParsePrefix("2002::/16").Contains(addr):
		return []netip.Addr{netip.AddrFrom4([4]byte(b[2:6]))}
	}
	return nil
}

// knows reports whether one of the operator's own servers listens there.
func (p Policy) knows(ctx context.Context, at netip.AddrPort) bool {
	for _, conn := range p.Known {
		config, err := pgx.ParseConfig(conn.Reveal())
		if err != nil {
			continue
		}
		ends := []struct {
			host string
			port uint16
		}{{config.Host, config.Port}}
		for _, f := range config.Fallbacks {
			ends = append(ends, struct {
				host string
				port uint16
			}{f.Host, f.Port})
		}
		for _, end := range ends {
			if end.port != at.Port() || strings.HasPrefix(end.host, "/") {
				continue
			}
			if found, err := p.resolve(ctx, end.host); err == nil && slices.Contains(found, at.Addr()) {
				return true
			}
		}
	}
	return false
}
