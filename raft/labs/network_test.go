package labs

import (
	"math/rand/v2"
	"sync"
	"time"
)

// dice is a source of randomness for several goroutines.
type dice struct {
	mu  sync.Mutex
	rnd *rand.Rand
}

func newDice(seed uint64) *dice { return &dice{rnd: rand.New(rand.NewPCG(seed, 0))} }

// below draws from 0 to n-1.
func (d *dice) below(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rnd.IntN(n)
}

// bits draws 64 bits.
func (d *dice) bits() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rnd.Uint64()
}

// upTo draws a duration.
func (d *dice) upTo(limit time.Duration) time.Duration { return time.Duration(d.below(int(limit) + 1)) }

// Network carries messages between servers. It counts them as the labs count
// procedure calls: an answer belongs to what it answers.
type Network struct {
	dice *dice

	mu         sync.Mutex
	servers    []func(message []byte) // nil: there is none
	connected  []bool
	unreliable bool  // a tenth of all messages is lost, all take up to 27 ms
	reordering bool  // two thirds of the answers take 0.2 to 2.4 s
	calls      []int // sent to each server
	bytes      int   // sent by all
}

// The labs' figures.
const (
	shortDelay  = 26 * time.Millisecond
	promptDelay = 2 * time.Millisecond // on a reliable network: messages may pass each other
	leastLong   = 200 * time.Millisecond
	mostLong    = 2200 * time.Millisecond
)

func newNetwork(size int, d *dice) *Network {
	return &Network{dice: d, servers: make([]func([]byte), size), connected: make([]bool, size), calls: make([]int, size)}
}

// End is what server from sends to server to with.
type End struct {
	network  *Network
	from, to int
}

// Ends are a server's ends to all.
func (n *Network) Ends(from int) []*End {
	var ends []*End
	for to := range n.servers {
		ends = append(ends, &End{n, from, to})
	}
	return ends
}

// Serve says who takes what is sent to a server; nil is nobody.
func (n *Network) Serve(server int, receive func(message []byte)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.servers[server] = receive
}

// Connect puts a server's cable in, or pulls it out, also for what is on its way.
func (n *Network) Connect(server int, on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.connected[server] = on
}

// Connected says whether a server's cable is in.
func (n *Network) Connected(server int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.connected[server]
}

// Unreliable makes the network lose and delay messages, or stop doing so.
func (n *Network) Unreliable(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.unreliable = on
}

// LongReordering holds most answers back for long.
func (n *Network) LongReordering(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.reordering = on
}

// Calls is how many messages that are no answers were sent to a server.
func (n *Network) Calls(server int) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.calls[server]
}

// Bytes is how much was sent.
func (n *Network) Bytes() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.bytes
}

// Send sends a message, which may be lost.
func (e *End) Send(message []byte, answer bool) {
	n := e.network
	n.mu.Lock()
	n.bytes += len(message)
	if !answer {
		n.calls[e.to]++
	}
	passes, unreliable, reordering := n.connected[e.from] && n.connected[e.to], n.unreliable, n.reordering
	n.mu.Unlock()
	if !passes || unreliable && n.dice.below(10) == 0 {
		return
	}
	delay := n.dice.upTo(promptDelay)
	if unreliable {
		delay = n.dice.upTo(shortDelay)
	}
	if reordering && answer && n.dice.below(3) > 0 {
		delay += leastLong + n.dice.upTo(n.dice.upTo(mostLong-leastLong))
	}
	time.AfterFunc(delay, func() {
		if receive := e.arrive(); receive != nil {
			receive(message)
		}
	})
}

// arrive finds who takes a message at the end of its way, if anybody.
func (e *End) arrive() func([]byte) {
	n := e.network
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.connected[e.from] || !n.connected[e.to] {
		return nil
	}
	return n.servers[e.to]
}
