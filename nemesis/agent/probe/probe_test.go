package probe

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"partita/nemesis/agent/mono"
	"partita/nemesis/wire"
)

func TestCodec(t *testing.T) {
	for _, sender := range []string{"", "n1", strings.Repeat("x", 255)} {
		want := wire.Probe{Number: 1<<63 + 5, At: 1234567890123456789}
		b := encode(sender, want)
		got, probe, err := decode(b)
		if err != nil || got != sender || probe != want || len(b) > maxSize {
			t.Errorf("sender %q: got %q, %+v, %v in %d bytes", sender, got, probe, err, len(b))
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := encode("n1", wire.Probe{Number: 7, At: 8})
	for i := range good {
		for bit := range 8 {
			b := bytes.Clone(good)
			b[i] ^= 1 << bit
			if sender, p, err := decode(b); !errors.Is(err, ErrDatagram) {
				t.Errorf("bit %d of byte %d flipped: %q, %+v, %v", bit, i, sender, p, err)
			}
		}
		if _, _, err := decode(good[:i]); !errors.Is(err, ErrDatagram) {
			t.Errorf("cut to %d bytes: %v", i, err)
		}
	}
	if _, _, err := decode(append(good, 0)); !errors.Is(err, ErrDatagram) {
		t.Errorf("a byte too many: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode("n1", wire.Probe{Number: 1, At: 2}))
	f.Add([]byte("PPB1"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		sender, p, err := decode(b)
		if err == nil && !bytes.Equal(encode(sender, p), b) {
			t.Errorf("% x is read as %q, %+v, which is written otherwise", b, sender, p)
		}
	})
}

func TestMemoryKeepsTheLatest(t *testing.T) {
	var m memory
	const all = Keep + Keep/2
	for i := range all {
		m.add(wire.Probe{Number: uint64(i), At: int64(i) * 10})
	}
	got := m.between(0, 1<<62)
	if len(got) != Keep || got[0].Number != all-Keep || got[Keep-1].Number != all-1 {
		t.Errorf("%d kept, from %+v to %+v", len(got), got[0], got[len(got)-1])
	}
	want := []wire.Probe{{Number: all - 3, At: (all - 3) * 10}, {Number: all - 2, At: (all - 2) * 10}}
	if got := m.between((all-3)*10, (all-1)*10); !reflect.DeepEqual(got, want) {
		t.Errorf("in a span: %+v, want %+v", got, want)
	}
	if got := new(memory).between(0, 1<<62); got == nil || len(got) != 0 {
		t.Errorf("an empty memory answers %#v", got)
	}
}

// freePort finds a port that is free on all addresses.
func freePort(t *testing.T) uint16 {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return uint16(c.LocalAddr().(*net.UDPAddr).Port)
}

// options are those of n1, n2 and n3 on loopback.
func options(t *testing.T) Options {
	return Options{
		Self: "n1",
		Peers: map[string]netip.Addr{"n1": netip.MustParseAddr("127.0.0.1"),
			"n2": netip.MustParseAddr("127.0.0.2"), "n3": netip.MustParseAddr("127.0.0.3")},
		Port:  freePort(t),
		Every: time.Millisecond,
		Now:   mono.Now,
	}
}

func TestProbesArriveNumbered(t *testing.T) {
	o := options(t)
	began := mono.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var running sync.WaitGroup
	defer running.Wait()
	probers := map[string]*Prober{}
	for _, name := range []string{"n1", "n2"} { // n3 is down
		o.Self = name
		p, err := Listen(o)
		if err != nil {
			t.Fatal(err)
		}
		probers[name] = p
		running.Go(func() {
			if err := p.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	defer cancel()
	for len(probers["n2"].Between(0, 1<<62).Received["n1"]) < 5 {
		if ctx.Err() != nil {
			t.Fatal("five probes have not arrived")
		}
	}
	sent, got := probers["n1"].Between(0, 1<<62), probers["n2"].Between(0, 1<<62)
	byNumber := map[uint64]int64{}
	for _, p := range probers["n1"].Between(0, 1<<62).Sent {
		byNumber[p.Number] = p.At
	}
	for i, p := range got.Received["n1"] {
		at, counted := byNumber[p.Number]
		if p.At < began || p.At > got.Now || counted && at != p.At || i > 0 && p.Number <= got.Received["n1"][i-1].Number {
			t.Errorf("probe %d is %+v, sent at %d", i, p, at)
		}
	}
	if sent.Node != "n1" || got.Node != "n2" || sent.Received["n3"] == nil || len(sent.Received["n3"]) != 0 {
		t.Errorf("of n3, which is down, n1 has %#v", sent.Received["n3"])
	}
}

func TestTakeRefusesStrangers(t *testing.T) {
	o := options(t)
	p, err := Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.conn.Close() }()
	probe := wire.Probe{Number: 1, At: 2}
	for _, c := range []struct {
		name     string
		datagram []byte
		from     string
		want     int
	}{
		{"a peer", encode("n2", probe), "127.0.0.2", 1},
		{"a peer's name from elsewhere", encode("n2", probe), "127.0.0.3", 1},
		{"no peer", encode("n9", probe), "127.0.0.9", 1},
		{"itself", encode("n1", probe), "127.0.0.1", 1},
		{"rubbish", []byte("rubbish"), "127.0.0.2", 1},
		{"a peer again", encode("n2", probe), "127.0.0.2", 2},
	} {
		p.take(c.datagram, netip.MustParseAddr(c.from))
		got := 0
		for _, probes := range p.Between(0, 1<<62).Received {
			got += len(probes)
		}
		if got != c.want {
			t.Errorf("%s: %d probes taken, want %d", c.name, got, c.want)
		}
	}
}

func TestOnlyWholeRoundsCountAsSent(t *testing.T) {
	o := options(t)
	p, err := Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.conn.Close() }()
	p.round(1)
	o.Peers["n3"] = netip.MustParseAddr("240.0.0.1") // from loopback there is no way to it
	p.round(2)
	if got := p.Between(0, 1<<62).Sent; len(got) != 1 || got[0].Number != 1 {
		t.Errorf("sent: %+v, want the first round alone", got)
	}
}

func TestListenRefuses(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"no peer":        func(o *Options) { o.Self = "n9" },
		"no pace":        func(o *Options) { o.Every = 0 },
		"no clock":       func(o *Options) { o.Now = nil },
		"not an address": func(o *Options) { o.Peers["n1"] = netip.MustParseAddr("192.0.2.1") },
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t)
			change(&o)
			if p, err := Listen(o); err == nil {
				_ = p.conn.Close()
				t.Error("it listens")
			}
		})
	}
}
