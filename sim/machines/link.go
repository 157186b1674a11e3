package machines

import (
	"fmt"
	"math/rand/v2"
	"time"

	"partita/harness/trace"
	"partita/nemesis/wire"
	"partita/raft/core"
)

// How a connection behaves around a cut: how soon what was held back is sent
// again after the heal, and how soon a connection that was given up is dialled
// anew.
const (
	retransmitWithin = 200 * time.Millisecond
	redialWithin     = 300 * time.Millisecond
	maxHeld          = 1024                // messages held back by a cut; further ones are lost
	perByte          = 2 * time.Nanosecond // of a piece of a snapshot
)

// link carries messages from one machine to another.
type link struct {
	cluster  *Cluster
	from, to *machine
	rng      *rand.Rand
	rule     *wire.Rule       // of the receiver's agent: what comes is dropped
	packets  *wire.PacketRule // of the receiver's agent: what comes is disturbed
	cuts     []cut            // every cut so far, for the probes
	last     time.Duration    // when the latest message in order arrives
	lastPart time.Duration    // when the latest piece of a snapshot does
	held     []parcel         // by a cut, in order, and what comes before these are sent again
	resends  uint64           // numbers the heals, so that a cut calls off what one has begun
	silent   time.Duration    // since when a cut holds back messages
	broken   bool             // the connection was given up
	redialed time.Duration    // messages sent before are lost

	dropped uint64 // messages that a cut kept back
}

// cut is an interval in which a link was cut; until is 0 while it lasts.
type cut struct{ since, until time.Duration }

// parcel is a message on its way.
type parcel struct {
	number   int
	envelope core.Envelope
	sent     time.Duration
	piece    bool // of a snapshot: on a connection of its own
	// stray says that the network has taken it out of the connection's stream: it
	// arrives whatever becomes of the connection, at the receiver's next process too.
	stray bool
}

func newLink(c *Cluster, from, to *machine) *link {
	return &link{cluster: c, from: from, to: to, rng: c.source("link " + from.name + " " + to.name)}
}

// send puts a message on its way.
func (l *link) send(e core.Envelope) {
	c := l.cluster
	c.count(messagesSent)
	c.messages++
	p := parcel{number: c.messages, envelope: e, sent: c.engine.Now()}
	chunk, piece := e.Message.(core.InstallSnapshot)
	p.piece = piece
	if c.cfg.Trace {
		c.note(trace.Step{Kind: trace.Send, Node: l.from.name, Peer: l.to.name, Message: p.number, Text: c.describe(e)})
	}
	delay := c.cfg.Network.draw(l.rng) + time.Duration(len(chunk.Data))*perByte
	if l.packets == nil {
		l.inOrder(p, delay)
		return
	}
	l.disturbed(p, delay)
}

// inOrder delivers a message after those that were sent before.
func (l *link) inOrder(p parcel, delay time.Duration) {
	at := l.turn(p, delay)
	*l.stream(p) = at
	l.arrive(p, at)
}

// stream is when the latest arrives of what a message may not overtake. Pieces
// of snapshots hold nobody up.
func (l *link) stream(p parcel) *time.Duration {
	if p.piece {
		return &l.lastPart
	}
	return &l.last
}

// turn is when a message arrives that stays in order.
func (l *link) turn(p parcel, delay time.Duration) time.Duration {
	return max(*l.stream(p), l.cluster.engine.Now()+delay)
}

// arrive lets a message arrive at an instant.
func (l *link) arrive(p parcel, at time.Duration) {
	var f *flight
	if n := len(l.cluster.landed); n > 0 {
		f, l.cluster.landed = l.cluster.landed[n-1], l.cluster.landed[:n-1]
	} else {
		f = &flight{}
		f.land = f.end
	}
	f.link, f.parcel = l, p
	l.cluster.engine.After(at-l.cluster.engine.Now(), f.land)
}

// flight is a message between two machines. Flights are used again: there are
// more of them than of anything else.
type flight struct {
	link   *link
	parcel parcel
	land   func() // its end method, made once
}

func (f *flight) end() {
	l, p := f.link, f.parcel
	f.link, f.parcel = nil, parcel{}
	l.cluster.landed = append(l.cluster.landed, f)
	l.arrived(p)
}

// disturbed does to a message what the rule in force asks for.
func (l *link) disturbed(p parcel, delay time.Duration) {
	r, count := l.packets, &l.to.packets
	count.Seen++
	if l.chance(r.Loss) {
		count.Lost++
		l.lose(p, "lost by the network")
		l.cluster.count(messagesLost)
		return
	}
	if extra := r.Delay + l.upTo(r.Jitter); extra > 0 {
		count.Delayed++
		l.cluster.count(messagesDelayed)
		delay += time.Duration(extra)
	}
	at := l.turn(p, delay)
	if l.chance(r.Reorder) {
		count.Reordered++
		l.cluster.count(messagesReordered)
		at += time.Duration(l.upTo(r.Spread))
		l.strayed(p, at)
	} else {
		*l.stream(p) = at
		l.arrive(p, at)
	}
	if l.chance(r.Duplicate) {
		count.Duplicated++
		l.cluster.count(messagesDuplicated)
		l.strayed(p, at+time.Duration(l.upTo(r.Spread)))
	}
}

// strayed delivers a message outside of any connection.
func (l *link) strayed(p parcel, at time.Duration) {
	p.stray = true
	l.arrive(p, at)
}

func (l *link) chance(probability float64) bool {
	return probability > 0 && l.rng.Float64() < probability
}

func (l *link) upTo(ns int64) int64 {
	if ns <= 0 {
		return 0
	}
	return l.rng.Int64N(ns + 1)
}

// arrived takes a message at the receiver's end.
func (l *link) arrived(p parcel) {
	now := l.cluster.engine.Now()
	switch {
	case l.rule != nil && p.piece:
		l.dropped++
		l.cluster.count(messagesHeld)
		l.lose(p, "lost: the link is cut")
	case l.rule != nil:
		l.hold(p, now)
	case p.sent < l.redialed && !p.stray:
		l.lose(p, "lost: the connection was closed")
	case len(l.held) > 0 && !p.piece:
		l.held = append(l.held, p)
	default:
		l.to.take(p, l.from)
	}
}

// hold keeps a message back while the link is cut, as a sender would that
// gets no acknowledgement; after too long a silence the connection ends, and all
// that it had to carry with it.
func (l *link) hold(p parcel, now time.Duration) {
	l.dropped++
	l.cluster.count(messagesHeld)
	if len(l.held) == 0 && !l.broken {
		l.silent = now
	}
	if now-l.silent > l.cluster.cfg.PeerSilence {
		l.giveUp()
	}
	if l.broken || len(l.held) >= maxHeld {
		l.lose(p, "lost: the link is cut")
		return
	}
	l.held = append(l.held, p)
}

// giveUp closes the connection.
func (l *link) giveUp() {
	l.loseHeld()
	l.broken = true
}

// setRule cuts the link, or joins it.
func (l *link) setRule(rule *wire.Rule) {
	now := l.cluster.engine.Now()
	was := l.rule
	l.rule = rule
	switch {
	case was == nil && rule != nil:
		l.cuts = append(l.cuts, cut{since: now})
		l.resends++
	case was != nil && rule == nil:
		l.cuts[len(l.cuts)-1].until = now
		l.join(now)
	}
}

// join sends again what was held back, or begins a new connection.
func (l *link) join(now time.Duration) {
	if len(l.held) > 0 && now-l.silent > l.cluster.cfg.PeerSilence {
		l.giveUp()
	}
	if l.broken {
		l.broken, l.redialed = false, now+time.Duration(l.upTo(int64(redialWithin)))
		return
	}
	if len(l.held) == 0 {
		return
	}
	l.resends++
	number := l.resends
	l.cluster.engine.After(time.Duration(l.upTo(int64(retransmitWithin))), func() {
		if l.resends == number {
			l.resume()
		}
	})
}

// resume delivers what was held back, and what has come behind it since.
func (l *link) resume() {
	held := l.held
	l.held = nil
	for _, p := range held {
		l.to.take(p, l.from)
	}
}

// senderEnded lets the sender's kernel go on: what its process had written and
// a cut holds back arrives after the heal all the same. Without power it is lost.
func (l *link) senderEnded(power bool) {
	if power {
		l.loseHeld()
		return
	}
	for i := range l.held {
		l.held[i].stray = true
	}
}

// receiverEnded ends the connection: all that was sent on it is lost.
func (l *link) receiverEnded() {
	l.loseHeld()
	l.redialed = l.cluster.engine.Now()
}

func (l *link) loseHeld() {
	for _, p := range l.held {
		l.lose(p, "lost: the connection was closed")
	}
	l.held = l.held[:0]
}

func (l *link) lose(p parcel, why string) {
	if l.cluster.cfg.Trace {
		l.cluster.note(trace.Step{Kind: trace.Drop, Node: l.to.name, Peer: l.from.name, Message: p.number,
			Text: fmt.Sprintf("%s: %s", kindOf(p.envelope.Message), why)})
	}
}

// cutAt says whether the link was cut at an instant.
func (l *link) cutAt(at time.Duration) bool {
	for i := len(l.cuts) - 1; i >= 0; i-- {
		c := l.cuts[i]
		if at >= c.since {
			return c.until == 0 || at < c.until
		}
	}
	return false
}
