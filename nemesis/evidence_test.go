package nemesis

import (
	"slices"
	"testing"
	"time"

	"partita/nemesis/wire"
)

func TestObserve(t *testing.T) {
	probe := func(n uint64) wire.Probe { return wire.Probe{Number: n, At: int64(100 * n)} }
	probes := map[string]wire.Probes{
		"a": {Sent: []wire.Probe{probe(1), probe(2), probe(3)}, Received: map[string][]wire.Probe{"b": {probe(2), probe(2), probe(9)}}},
		"b": {Sent: []wire.Probe{probe(1), probe(2)}, Received: map[string][]wire.Probe{}},
	}
	got := Observe(Grudge{{From: "a", To: "b"}}, []string{"a", "b"}, probes, 200, 300)
	want := []Direction{
		{From: "a", To: "b", Sent: 1, Received: 0, Cut: true},
		{From: "b", To: "a", Sent: 1, Received: 1}, // the copy and the stranger do not count
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestEvident(t *testing.T) {
	cut := func(sent, received int) Direction { return Direction{Sent: sent, Received: received, Cut: true} }
	open := func(sent, received int) Direction { return Direction{Sent: sent, Received: received} }
	for name, c := range map[string]struct {
		directions []Direction
		want       bool
	}{
		"all vanished":                {[]Direction{cut(3, 0), open(3, 3)}, true},
		"open, with losses":           {[]Direction{cut(80, 0), open(80, 1)}, true},
		"everything cut":              {[]Direction{cut(5, 0), cut(5, 0)}, true},
		"two sent":                    {[]Direction{cut(2, 0), open(2, 2)}, false},
		"one came through":            {[]Direction{cut(80, 1), open(80, 80)}, false},
		"an open direction is silent": {[]Direction{cut(80, 0), open(80, 0)}, false},
		"one of two cuts":             {[]Direction{cut(80, 0), cut(80, 80)}, false},
		"nothing was to be cut":       {[]Direction{open(80, 80)}, false},
		"no directions":               {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Evident(c.directions); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// Rules that stand are not enough: everything that they ask for has to happen.
func TestPacketsThatHitNothing(t *testing.T) {
	seldom := func(change func(*PacketsFault)) PacketsFault {
		f := PacketsFault{
			Timed: Timed{At: 3 * time.Second, For: time.Second, Targets: All, Nodes: names(3)}, Shape: Storm,
			Loss: 0.5, Duplicate: 0.5, Reorder: 0.5, Delay: time.Second, Spread: time.Second,
		}
		change(&f)
		return f
	}
	for name, c := range map[string]struct {
		fault PacketsFault
		want  bool
	}{
		"all of it":    {seldom(func(*PacketsFault) {}), true},
		"no loss":      {seldom(func(f *PacketsFault) { f.Loss = 1e-6 }), false},
		"no duplicate": {seldom(func(f *PacketsFault) { f.Duplicate = 1e-6 }), false},
		"no reorder":   {seldom(func(f *PacketsFault) { f.Reorder = 1e-6 }), false},
		"no message":   {seldom(func(f *PacketsFault) { f.For = time.Millisecond }), false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(3)
			o := options(t, Packets, 3, func(o *PacketsOptions) { o.Faults = []PacketsFault{c.fault} })
			if f := run(t, w, Packets, o, 10*time.Second).faults[0]; f.Evident != c.want || f.Error != "" {
				t.Errorf("evident %v: %q %v", f.Evident, f.Error, f.Evidence)
			}
		})
	}
}

// Power was lost when the agent counts it and the process that ran ended of it.
func TestALossOfPower(t *testing.T) {
	o := options[*PowerOptions](t, Power, 3, nil)
	p := o.episode(o.Schedule(1, names(3), time.Minute)[0]).(*process)
	old := wire.Exit{PID: 1, Code: -1, Signal: wire.SignalPower, Asked: true}
	before := wire.State{PID: 7, Exits: []wire.Exit{old}, Power: wire.PowerCount{Losses: 1}}
	during := func(losses int, exits ...wire.Exit) wire.State {
		return wire.State{Exits: append([]wire.Exit{old}, exits...), Power: wire.PowerCount{Losses: losses}}
	}
	exit := wire.Exit{PID: 7, Code: -1, Signal: wire.SignalPower, Asked: true}
	killed, another, own := exit, exit, exit
	killed.Signal, another.PID, own.Asked = "killed", 8, false
	runs := during(2, exit)
	runs.PID = 9
	for name, c := range map[string]struct {
		before, during wire.State
		want           bool
	}{
		"lost":              {before, during(2, exit), true},
		"not counted":       {before, during(1, exit), false},
		"no exit":           {before, during(2), false},
		"killed":            {before, during(2, killed), false},
		"another process":   {before, during(2, another), false},
		"on its own":        {before, during(2, own), false},
		"it runs":           {before, runs, false},
		"it did not run":    {wire.State{}, during(2, exit), false},
		"states of nothing": {before, wire.State{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := p.broken(c.before, c.during); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
