package nemesis

import (
	"slices"
	"testing"

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
