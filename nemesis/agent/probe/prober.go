package probe

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"partita/nemesis/wire"
)

// sendTimeout bounds one round's sending; a datagram is normally taken at once.
const sendTimeout = time.Second

// Options say who probes whom.
type Options struct {
	Self  string
	Peers map[string]netip.Addr // every node's name to its address, this one's included
	Port  uint16                // the same on every node
	Every time.Duration
	Now   func() int64 // the shared clock, in nanoseconds
}

// Prober sends and receives probes.
type Prober struct {
	options Options
	conn    *net.UDPConn
	others  []string // in order

	mu       sync.Mutex
	sent     memory
	received map[string]*memory
}

// Listen opens the socket, on this node's own address.
func Listen(o Options) (*Prober, error) {
	self, known := o.Peers[o.Self]
	if !known || o.Every <= 0 || o.Now == nil {
		return nil, fmt.Errorf("probe: listen as %q every %v: bad options", o.Self, o.Every)
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(self, o.Port)))
	if err != nil {
		return nil, fmt.Errorf("probe: listen: %w", err)
	}
	p := &Prober{options: o, conn: conn, received: map[string]*memory{}}
	for _, name := range slices.Sorted(maps.Keys(o.Peers)) {
		if name != o.Self {
			p.others = append(p.others, name)
			p.received[name] = &memory{}
		}
	}
	return p, nil
}

// Run sends and receives until ctx ends, and closes the socket.
func (p *Prober) Run(ctx context.Context) error {
	var both sync.WaitGroup
	var sending error
	both.Go(func() {
		<-ctx.Done()
		_ = p.conn.Close() // ends the reading below
	})
	both.Go(func() { sending = p.send(ctx) })
	receiving := p.receive(ctx)
	both.Wait()
	return errors.Join(sending, receiving)
}

// send sends a round whenever it is time. A round that comes late is not made
// up for.
func (p *Prober) send(ctx context.Context) error {
	ticker := time.NewTicker(p.options.Every)
	defer ticker.Stop()
	for number := uint64(1); ; number++ {
		p.round(number)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// round sends one probe to every peer. Only a round that left for all of them
// counts as sent: what never left must not look like what was dropped.
func (p *Prober) round(number uint64) {
	probe := wire.Probe{Number: number, At: p.options.Now()}
	datagram := encode(p.options.Self, probe)
	if p.conn.SetWriteDeadline(time.Now().Add(sendTimeout)) != nil {
		return // closed
	}
	left := true
	for _, name := range p.others {
		_, err := p.conn.WriteToUDPAddrPort(datagram, netip.AddrPortFrom(p.options.Peers[name], p.options.Port))
		left = left && err == nil
	}
	if left {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.sent.add(probe)
	}
}

// receive takes datagrams until the socket is closed.
func (p *Prober) receive(ctx context.Context) error {
	buffer := make([]byte, maxSize+1)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buffer)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("probe: receive: %w", err)
		case err == nil: // other errors speak of one datagram
			p.take(buffer[:n], from.Addr().Unmap())
		}
	}
}

// take remembers a probe of a peer that came from his address.
func (p *Prober) take(datagram []byte, from netip.Addr) {
	sender, probe, err := decode(datagram)
	if err != nil || p.options.Peers[sender] != from {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if m := p.received[sender]; m != nil {
		m.add(probe)
	}
}

// Between lists the probes sent and received with a sending time in
// [since, until). Every peer has an entry, if only an empty one.
func (p *Prober) Between(since, until int64) wire.Probes {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer := wire.Probes{
		Node:     p.options.Self,
		Now:      p.options.Now(),
		Received: map[string][]wire.Probe{},
		Sent:     p.sent.between(since, until),
	}
	for name, m := range p.received {
		answer.Received[name] = m.between(since, until)
	}
	return answer
}
