package inputs

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

func TestPublicAddr(t *testing.T) {
	for text, want := range map[string]bool{
		"8.8.8.8": true, "203.0.113.80": true, "2606:4700::1111": true, "172.32.0.1": true, "100.128.0.1": true,
		"127.0.0.1": false, "127.8.8.8": false, "0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "172.16.0.1": false,
		"192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "100.100.100.200": false, "198.18.0.1": false,
		"192.0.0.192": false, "224.0.0.1": false, "255.255.255.255": false, "240.0.0.1": false,
		"::1": false, "::": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd00:ec2::254": false, "ff02::1": false,
		"::ffff:127.0.0.1": false, "::ffff:8.8.8.8": true, "64:ff9b::7f00:1": false, "64:ff9b::808:808": true, "64:ff9b:1::1": false,
		"2002:7f00:1::": false, "2002:a00:1::": false, "2002:808:808::": true,
	} {
		if got := publicAddr(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: public %t; want %t", text, got, want)
		}
	}
	if publicAddr(netip.Addr{}) {
		t.Error("no address is no public address")
	}
}

// TestOwnAddressesArePrivate: what this machine serves at an address of its own is not for steps, whatever the address.
func TestOwnAddressesArePrivate(t *testing.T) {
	g := newGuard(nil)
	g.own[netip.MustParseAddr("203.0.113.80")] = true
	for text, want := range map[string]bool{"203.0.113.80": false, "::ffff:203.0.113.80": false, "203.0.113.81": true} {
		if got := g.public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: public %t; want %t", text, got, want)
		}
	}
	list, err := net.InterfaceAddrs()
	if err != nil || len(list) == 0 {
		t.Fatalf("addresses %v, %v", list, err)
	}
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err != nil || g.public(p.Addr()) {
			t.Errorf("%s counts as public (%v)", a, err)
		}
	}
}

// TestDialChecksTheAddressBehindAName: a name that looks public must not lead to a private address.
func TestDialChecksTheAddressBehindAName(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	addr := net.JoinHostPort("localhost", port)
	_, err = newGuard([]string{"example.com"}).dial(t.Context(), "tcp4", addr)
	var private *privateError
	if !errors.As(err, &private) || private.host != "localhost" {
		t.Errorf("dialling a name at 127.0.0.1: %v", err)
	}
	conn, err := newGuard([]string{"localhost"}).dial(t.Context(), "tcp4", addr)
	if err != nil {
		t.Fatalf("dialling an allowed name: %v", err)
	}
	conn.Close()
}
