package nemesis

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestScheduleIsAFunctionOfTheSeed(t *testing.T) {
	for _, k := range Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			o := k.Defaults()
			o.Complete(5)
			a, b := o.Schedule(42, names(5), time.Minute), o.Schedule(42, names(5), time.Minute)
			if len(a) == 0 || !reflect.DeepEqual(a, b) {
				t.Errorf("two schedules of one seed differ or are empty:\n%v\n%v", a, b)
			}
			if c := o.Schedule(43, names(5), time.Minute); reflect.DeepEqual(a, c) {
				t.Errorf("two seeds have one schedule: %v", a)
			}
			for i, in := range a {
				if in.Kind != k.Name || len(in.Order) != 5 {
					t.Errorf("%d: %+v", i, in)
				}
			}
		})
	}
}

func TestTimesOfASchedule(t *testing.T) {
	for name, c := range map[string]struct {
		every, lasts, until time.Duration
		want                []time.Duration
	}{
		"the last ends at the limit": {7 * time.Second, 4 * time.Second, 14 * time.Second, []time.Duration{3 * time.Second, 10 * time.Second}},
		"the last would end after":   {7 * time.Second, 4 * time.Second, 14*time.Second - 1, []time.Duration{3 * time.Second}},
		"no time for any":            {7 * time.Second, 4 * time.Second, 6 * time.Second, nil},
		"less than no time":          {7 * time.Second, 4 * time.Second, -time.Second, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []time.Duration
			for _, in := range starts(Kill, source(1, Kill), names(3), c.every, c.lasts, c.until) {
				got = append(got, in.At)
				if in.Heal != in.At+c.lasts {
					t.Errorf("heals at %v, began at %v", in.Heal, in.At)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestDeckDealsEveryCardBeforeOneTwice(t *testing.T) {
	o := options[*PartitionOptions](t, Partition, 5, nil)
	all := o.Schedule(7, names(5), 3*time.Second+18*7*time.Second)
	if len(all) != 18 {
		t.Fatalf("%d injections, want two decks of nine", len(all))
	}
	for _, part := range [][]Injection{all[:9], all[9:]} {
		seen := map[string]bool{}
		for _, in := range part {
			seen[in.Shape] = true
		}
		if len(seen) != 9 {
			t.Errorf("nine partitions of %d shapes", len(seen))
		}
	}
}

func TestSkewsAreWithinTheOptions(t *testing.T) {
	o := options(t, Clock, 5, func(o *ClockOptions) { o.Offset, o.Rate = 8*time.Second, 3 })
	shapes := map[string]int{}
	fast, slow, back := 0, 0, 0
	for _, in := range o.Schedule(1, names(5), time.Hour) {
		shapes[in.Shape]++
		skew := in.Skew.Realtime
		if strings.HasPrefix(in.Shape, "monotonic") {
			skew = in.Skew.Monotonic
		}
		offset := time.Duration(skew.Offset)
		switch in.Shape {
		case RealtimeRate, MonotonicRate:
			if skew.Rate > 1 {
				fast++
			} else {
				slow++
			}
			if f := max(skew.Rate, 1/skew.Rate); f < 1.5 || f > 3 || offset != 0 {
				t.Errorf("%v", in)
			}
		default:
			if offset < 0 {
				back++
			}
			if offset.Abs() < 2*time.Second || offset.Abs() > 8*time.Second || skew.Rate != 1 {
				t.Errorf("%v", in)
			}
			if in.Shape == MonotonicJump && offset < 0 {
				t.Errorf("a monotonic clock is set back: %v", in)
			}
		}
	}
	if len(shapes) != 4 || fast == 0 || slow == 0 || back == 0 {
		t.Errorf("shapes %v, %d fast, %d slow, %d back", shapes, fast, slow, back)
	}
}

func TestHolders(t *testing.T) {
	for role, want := range map[string][3]int{ // in clusters of 1, 4 and 5
		One: {1, 1, 1}, Leader: {1, 1, 1}, Minority: {0, 1, 2}, Majority: {1, 3, 3}, All: {1, 4, 5},
	} {
		if got := [3]int{Holders(role, 1), Holders(role, 4), Holders(role, 5)}; got != want {
			t.Errorf("%s: got %v, want %v", role, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	partition := func(change func(*PartitionOptions)) Options {
		o := Kinds()[0].Defaults().(*PartitionOptions)
		change(o)
		return o
	}
	clock := func(change func(*ClockOptions)) Options {
		o := Kinds()[3].Defaults().(*ClockOptions)
		change(o)
		return o
	}
	packets := func(change func(*PacketsOptions)) Options {
		o := Kinds()[4].Defaults().(*PacketsOptions)
		change(o)
		return o
	}
	for name, c := range map[string]struct {
		options Options
		nodes   int
		field   string
		text    string
	}{
		"no shape at all":      {partition(func(o *PartitionOptions) { o.Shapes = []string{} }), 5, "shapes", "an empty list"},
		"unknown shape":        {partition(func(o *PartitionOptions) { o.Shapes = []string{"rings"} }), 5, "shapes", `did you mean "ring"`},
		"shape of more nodes":  {partition(func(o *PartitionOptions) { o.Shapes = []string{Ring} }), 3, "shapes", "at least 4"},
		"one node":             {partition(func(*PartitionOptions) {}), 1, "shapes", "a cluster of 1"},
		"longer than every":    {partition(func(o *PartitionOptions) { o.For = 8 * time.Second }), 5, "every", "must not be less than for"},
		"no time":              {partition(func(o *PartitionOptions) { o.For = 0 }), 5, "for", "at least 500ms"},
		"negative":             {partition(func(o *PartitionOptions) { o.Every = -1 }), 5, "every", "must not be less"},
		"short phase":          {partition(func(o *PartitionOptions) { o.Phase = 299 * time.Millisecond }), 5, "phase", "at least 300ms"},
		"too few phases":       {partition(func(o *PartitionOptions) { o.Phase = 3 * time.Second }), 5, "for", "two phases"},
		"minority of two":      {&KillOptions{Process{Targets: []string{Minority}}}, 2, "targets", "at least 3"},
		"unknown role":         {&PauseOptions{Process{Targets: []string{"led"}}}, 5, "targets", "allowed are"},
		"small offset":         {clock(func(o *ClockOptions) { o.Offset = time.Millisecond }), 3, "offset", "want 1s"},
		"rate of nothing":      {clock(func(o *ClockOptions) { o.Rate = 0 }), 3, "rate", "want 1.5 to 100"},
		"unknown clock shape":  {clock(func(o *ClockOptions) { o.Shapes = []string{"realtime-jump"} }), 3, "shapes", "allowed are realtime-offset"},
		"too few calls":        {&PowerOptions{Every: time.Second, For: time.Second}, 3, "calls", "want 1 to"},
		"unknown power shape":  {&PowerOptions{Shapes: []string{"lost"}}, 3, "shapes", `did you mean "lose"`},
		"no loss":              {packets(func(o *PacketsOptions) { o.Loss = 0 }), 3, "loss", "above 0"},
		"more than certain":    {packets(func(o *PacketsOptions) { o.Reorder = 1.5 }), 3, "reorder", "at most 1"},
		"no delay":             {packets(func(o *PacketsOptions) { o.Delay = 0 }), 3, "delay", "want 1ms"},
		"negative jitter":      {packets(func(o *PacketsOptions) { o.Jitter = -1 }), 3, "jitter", "want 0s"},
		"no spread":            {packets(func(o *PacketsOptions) { o.Spread = 0 }), 3, "spread", "want 1ms"},
		"packets to nobody":    {packets(func(*PacketsOptions) {}), 1, "shapes", "a cluster of 1"},
		"no slower":            {&DiskOptions{Every: time.Second, For: time.Second, Calls: 1}, 3, "slow", "want 1ms"},
		"unknown disk shape":   {&DiskOptions{Shapes: []string{"fail-read"}}, 3, "shapes", `allowed are slow, fail-sync`},
		"unknown clock target": {clock(func(o *ClockOptions) { o.Targets = []string{"n1"} }), 3, "targets", "unknown role"},
	} {
		t.Run(name, func(t *testing.T) {
			c.options.Complete(c.nodes)
			err := c.options.Validate(c.nodes)
			var p *Problem
			if !errors.As(err, &p) || p.Field != c.field || !strings.Contains(p.Text, c.text) {
				t.Errorf("got %v; want %s: ... %s", err, c.field, c.text)
			}
		})
	}
}

func TestKindOf(t *testing.T) {
	if k, err := KindOf(Clock); err != nil || !k.Clocks {
		t.Errorf("clock: %+v, %v", k, err)
	}
	if k, err := KindOf(Partition); err != nil || !slices.Contains(k.Capabilities, NetAdmin) {
		t.Errorf("partition: %+v, %v", k, err)
	}
	if _, err := KindOf("partitions"); err == nil || !strings.Contains(err.Error(), `did you mean "partition"`) {
		t.Errorf("a kind that is none: %v", err)
	}
}

func TestNearest(t *testing.T) {
	for name, c := range map[string]struct{ given, want string }{
		"a letter left out": {"pase", "pause"},
		"a letter too many": {"killl", "kill"},
		"letters changed":   {"cluck", "clock"},
		"nothing near":      {"storm", ""},
		"empty":             {"", ""},
		"far too long":      {strings.Repeat("kill", 100), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Nearest(c.given, []string{Kill, Pause, Clock}); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
