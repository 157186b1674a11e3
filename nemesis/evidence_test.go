package nemesis

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"partita/harness/cluster"
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

func TestVacuous(t *testing.T) {
	fault := func(kind string, evident bool, dropped any) cluster.Fault {
		return cluster.Fault{Nemesis: kind, Evident: evident, Evidence: map[string]any{"dropped": dropped}}
	}
	good := fault(Partition, true, uint64(7))
	for name, c := range map[string]struct {
		kinds  []string
		faults []cluster.Fault
		want   []string
	}{
		"nothing asked":     {nil, nil, nil},
		"none injected":     {[]string{Kill}, []cluster.Fault{good}, []string{"vacuous: kill: no fault"}},
		"all evident":       {[]string{Partition}, []cluster.Fault{good}, nil},
		"just half":         {[]string{Partition}, []cluster.Fault{good, fault(Partition, false, nil)}, nil},
		"less than half":    {[]string{Partition}, []cluster.Fault{good, fault(Partition, false, nil), fault(Partition, false, nil)}, []string{"vacuous: partition: 1 of 3"}},
		"no packet dropped": {[]string{Partition}, []cluster.Fault{fault(Partition, true, uint64(0))}, []string{"vacuous: partition: no packet"}},
		"packets unknown":   {[]string{Partition}, []cluster.Fault{fault(Partition, true, nil)}, []string{"vacuous: partition: no packet"}},
		"kills drop none":   {[]string{Kill}, []cluster.Fault{fault(Kill, true, nil)}, nil},
		"in order of kinds": {[]string{Pause, Kill}, nil, []string{"vacuous: pause", "vacuous: kill"}},
	} {
		t.Run(name, func(t *testing.T) {
			check := func(faults []cluster.Fault) {
				t.Helper()
				got := Vacuous(c.kinds, faults)
				if len(got) != len(c.want) {
					t.Fatalf("got %v, want %v", got, c.want)
				}
				for i := range got {
					if !strings.HasPrefix(got[i], c.want[i]) {
						t.Errorf("got %v, want %v", got, c.want)
					}
				}
			}
			check(c.faults)
			check(reread(t, c.faults))
		})
	}
}

// reread is what faults.jsonl gives back.
func reread(t *testing.T, faults []cluster.Fault) []cluster.Fault {
	t.Helper()
	data, err := json.Marshal(faults)
	if err != nil {
		t.Fatal(err)
	}
	var again []cluster.Fault
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	return again
}
