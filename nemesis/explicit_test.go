package nemesis

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// A drawn schedule that is made explicit is the same, whatever the seed, and
// is accepted.
func TestExplicitIsWhatWasDrawn(t *testing.T) {
	for _, k := range Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			drawn := k.Defaults()
			drawn.Complete(5)
			want := drawn.Schedule(42, names(5), 3*time.Minute)
			o, err := Explicit(k.Name, want)
			if err != nil {
				t.Fatal(err)
			}
			if got := Scheduled(o); len(want) < 15 || !reflect.DeepEqual(got, want) {
				t.Fatalf("got  %v\nwant %v", got, want)
			}
			if err := o.Validate(5); err != nil {
				t.Error(err)
			}
			if got := o.Schedule(7, names(5), 0); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
			if got := Scheduled(drawn); got != nil {
				t.Errorf("drawn options give %v", got)
			}
		})
	}
	if _, err := Explicit("partitions", []Injection{{}}); err == nil {
		t.Error("a kind that is none is accepted")
	}
	if _, err := Explicit(Kill, nil); err == nil {
		t.Error("no injection is accepted")
	}
}

// A given fault has what its shape takes, and says of whom.
func TestGivenFaults(t *testing.T) {
	at := func(change func(*Timed)) Timed {
		timed := Timed{At: time.Second, For: time.Second, Targets: One, Nodes: names(3)}
		change(&timed)
		return timed
	}
	one := at(func(*Timed) {})
	kill := func(change func(*Timed)) Options {
		return &KillOptions{Process{Given: Given[ProcessFault]{Faults: []ProcessFault{{one}, {at(change)}}}}}
	}
	clock := func(f ClockFault) Options {
		return &ClockOptions{Offset: time.Minute, Rate: 2, Given: Given[ClockFault]{Faults: []ClockFault{f}}}
	}
	partition := func(f PartitionFault) Options {
		return &PartitionOptions{Phase: minPhase, Given: Given[PartitionFault]{Faults: []PartitionFault{f}}}
	}
	packets := func(f PacketsFault) Options {
		o := Kinds()[4].Defaults().(*PacketsOptions)
		o.Faults = []PacketsFault{f}
		return o
	}
	power := func(f PowerFault) Options {
		return &PowerOptions{Calls: 1, Given: Given[PowerFault]{Faults: []PowerFault{f}}}
	}
	disk := func(f DiskFault) Options {
		return &DiskOptions{Slow: time.Second, Calls: 1, Given: Given[DiskFault]{Faults: []DiskFault{f}}}
	}
	for name, c := range map[string]struct {
		options Options
		field   string // empty: it is accepted
		text    string
	}{
		"none at all":         {&KillOptions{Process{Given: Given[ProcessFault]{Faults: []ProcessFault{}}}}, "schedule", "an empty list"},
		"one after the other": {kill(func(at *Timed) { at.At = 2 * time.Second }), "", ""},
		"at once":             {kill(func(*Timed) {}), "schedule[1].at", "the fault before it lasts until 2s"},
		"before the run":      {kill(func(at *Timed) { at.At = -1 }), "schedule[1].at", "want 0s or later"},
		"no time":             {kill(func(at *Timed) { at.At, at.For = time.Minute, 0 }), "schedule[1].for", "more than 0s"},
		"unknown role":        {kill(func(at *Timed) { at.At, at.Targets = time.Minute, "onw" }), "schedule[1].targets", `did you mean "one"`},
		"unknown node":        {kill(func(at *Timed) { at.At, at.Nodes = time.Minute, []string{"n1", "n4", "n2"} }), "schedule[1].nodes", `unknown node "n4"`},
		"a node twice":        {kill(func(at *Timed) { at.At, at.Nodes = time.Minute, []string{"n1", "n2", "n1"} }), "schedule[1].nodes", "n1 again"},
		"a node left out":     {kill(func(at *Timed) { at.At, at.Nodes = time.Minute, []string{"n1", "n2"} }), "schedule[1].nodes", "2 of 3 nodes"},

		"role of its shape":         {partition(PartitionFault{Timed: at(func(at *Timed) { at.Targets = "" }), Shape: Halves}), "", ""},
		"leader among the cut off":  {partition(PartitionFault{Timed: at(func(at *Timed) { at.Targets = Leader }), Shape: Halves}), "", ""},
		"role of another shape":     {partition(PartitionFault{Timed: one, Shape: Halves}), "schedule[0].targets", `of the shape "halves" want all, or leader`},
		"the leader named":          {partition(PartitionFault{Timed: one, Shape: Leader}), "schedule[0].targets", `the shape "one" cuts off the node in front`},
		"unknown partition":         {partition(PartitionFault{Timed: one, Shape: "rings"}), "schedule[0].shape", "unknown shape"},
		"partition of more nodes":   {partition(PartitionFault{Timed: at(func(at *Timed) { at.Targets = All }), Shape: Ring}), "schedule[0].shape", "at least 4 nodes"},
		"phase of what stays":       {partition(PartitionFault{Timed: one, Shape: One, Phase: time.Second}), "schedule[0].phase", "does not take it"},
		"phase too short":           {partition(PartitionFault{Timed: at(func(at *Timed) { at.Targets = All }), Shape: Flapping, Phase: 1}), "schedule[0].phase", "at least 300ms"},
		"a jump":                    {clock(ClockFault{Timed: one, Shape: RealtimeOffset, Offset: -time.Second}), "", ""},
		"a jump with a rate":        {clock(ClockFault{Timed: one, Shape: RealtimeOffset, Offset: 1, Rate: 2}), "schedule[0].rate", "does not take it"},
		"no jump":                   {clock(ClockFault{Timed: one, Shape: MonotonicJump}), "schedule[0].offset", "not none"},
		"a jump back":               {clock(ClockFault{Timed: one, Shape: MonotonicJump, Offset: -1}), "schedule[0].offset", "never set back"},
		"a true clock":              {clock(ClockFault{Timed: one, Shape: MonotonicRate, Rate: 1}), "schedule[0].rate", "is true"},
		"a clock that stands":       {clock(ClockFault{Timed: one, Shape: RealtimeRate}), "schedule[0].rate", "want 0.01"},
		"unknown skew":              {clock(ClockFault{Timed: one, Shape: "rate"}), "schedule[0].shape", "unknown shape"},
		"loss":                      {packets(PacketsFault{Timed: one, Shape: Loss, Loss: 1}), "", ""},
		"no loss":                   {packets(PacketsFault{Timed: one, Shape: Loss}), "schedule[0].loss", "above 0"},
		"loss with a delay":         {packets(PacketsFault{Timed: one, Shape: Loss, Loss: 1, Delay: 1}), "schedule[0].delay", "does not take it"},
		"copies without a spread":   {packets(PacketsFault{Timed: one, Shape: Duplicate, Duplicate: 0.5}), "schedule[0].spread", "want 1ms"},
		"a storm without reorder":   {packets(PacketsFault{Timed: one, Shape: Storm, Loss: 0.5, Duplicate: 0.5}), "schedule[0].reorder", "above 0"},
		"unknown packet fault":      {packets(PacketsFault{Timed: one, Shape: "lose"}), "schedule[0].shape", `did you mean "loss"`},
		"power":                     {power(PowerFault{Timed: one, Shape: Torn, Calls: []int{7}}), "", ""},
		"power of too many":         {power(PowerFault{Timed: one, Shape: Torn, Calls: []int{7, 8}}), "schedule[0].calls", "2 numbers: want 1"},
		"power in no call":          {power(PowerFault{Timed: one, Shape: Lose, Calls: []int{0}}), "schedule[0].calls", "0: want 1 to"},
		"unknown loss of power":     {power(PowerFault{Timed: one, Shape: "tear", Calls: []int{1}}), "schedule[0].shape", "allowed are lose, torn"},
		"a slow disk":               {disk(DiskFault{Timed: one, Shape: Slow, Slow: time.Second}), "", ""},
		"a slow disk that fails":    {disk(DiskFault{Timed: one, Shape: Slow, Slow: time.Second, Calls: []int{1}}), "schedule[0].calls", "does not take it"},
		"a failing disk":            {disk(DiskFault{Timed: one, Shape: FailWrite, Calls: []int{1}}), "", ""},
		"a failing disk that slows": {disk(DiskFault{Timed: one, Shape: FailSync, Slow: 1, Calls: []int{1}}), "schedule[0].slow", "does not take it"},
		"a disk that never fails":   {disk(DiskFault{Timed: one, Shape: FailSync}), "schedule[0].calls", "0 numbers: want 1"},
		"unknown disk fault":        {disk(DiskFault{Timed: one, Shape: "slack"}), "schedule[0].shape", "allowed are slow, fail-sync, fail-write"},
	} {
		t.Run(name, func(t *testing.T) {
			// What is not given is in order.
			v := reflect.ValueOf(c.options).Elem()
			v.FieldByName("Every").SetInt(int64(time.Second))
			v.FieldByName("For").SetInt(int64(time.Second))
			c.options.Complete(3)
			err := c.options.Validate(3)
			if c.field == "" {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			var p *Problem
			if !errors.As(err, &p) || p.Field != c.field || !strings.Contains(p.Text, c.text) {
				t.Errorf("got %v; want %s: ... %s", err, c.field, c.text)
			}
		})
	}
}

func TestAGivenPhaseIsThatOfTheOptions(t *testing.T) {
	o := options(t, Partition, 4, func(o *PartitionOptions) {
		o.Faults = []PartitionFault{{Timed: Timed{For: time.Second, Nodes: names(4)}, Shape: Flapping}}
	})
	if in := Scheduled(o)[0]; in.Phase != 500*time.Millisecond || in.Targets != All {
		t.Errorf("got %v", in)
	}
}
