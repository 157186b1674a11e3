package exhaustive

import (
	"fmt"
	"strings"
	"time"
)

// Preset is a set of bounds with a name, narrow enough to be exhausted within
// minutes on two cores.
type Preset struct {
	Name    string
	Why     string // what the bounds are wide enough for
	Options Options
}

// Presets are the bounds that every change of the core is searched within, those
// with the fewest states first.
func Presets() []Preset {
	base := Options{Start: Elected, NoPreVote: true, Batch: 4, Terms: 2, InFlight: 16, Timeouts: 3, Time: 10 * time.Minute}
	with := func(name, why string, change func(o *Options)) Preset {
		o := base
		change(&o)
		return Preset{name, why, o}
	}
	return []Preset{
		with("duplicates", "any one message arrives twice, however late", func(o *Options) {
			o.Proposals, o.Duplicates = 1, 1
		}),
		with("votes", "all three stand for election without pre-vote, more than once", func(o *Options) {
			o.Start, o.Timeouts = Scratch, 4
		}),
		with("reads", "a read at any member while rounds and their answers of before are in flight", func(o *Options) {
			o.Reads, o.Heartbeats = 1, 1
		}),
		with("tails", "a leader whose entry got nowhere meets the next, which pre-vote lets in only when the followers have lost faith", func(o *Options) {
			o.NoPreVote, o.Timeouts, o.Proposals = false, 4, 1
		}),
		with("heartbeats", "heartbeats carry commits past tails that were never compared", func(o *Options) {
			o.Proposals, o.Heartbeats = 1, 1
		}),
		with("crashes", "appends take their time, and a member dies and loses any of those that are pending", func(o *Options) {
			o.Proposals, o.Crashes = 1, 1
		}),
		with("elections", "two members ask for pre-votes and votes at once, from the first boot on", func(o *Options) {
			o.Start, o.NoPreVote, o.Timeouts = Scratch, false, 3
		}),
		with("transfer", "the leader lets another lead while entries and votes of before are in flight, and gives it up", func(o *Options) {
			o.Transfers, o.Proposals, o.Timeouts = 1, 1, 1
		}),
		with("lease", "a read by a lease at any member, of leaders that are deposed as soon as time allows", func(o *Options) {
			o.Ticks, o.Reads, o.Heartbeats = 1, 1, 1
		}),
		with("yields", "a read by a lease while the leader lets another lead, whom nobody need be loyal to resist", func(o *Options) {
			o.Ticks, o.Reads, o.Transfers, o.Timeouts = 1, 1, 1, 0
		}),
		with("membership", "one voter and two learners become any set of voters, by way of a joint configuration", func(o *Options) {
			o.Start, o.Changes = Alone, 1
		}),
		with("members", "three voters become any of them", func(o *Options) {
			o.Changes = 1
		}),
		with("changes", "two changes, the second asked for before or after the first is done", func(o *Options) {
			o.Changes, o.Depth = 2, 10
		}),
		with("figure-8", "four terms, and an Append for each entry: figure 8 of the paper", func(o *Options) {
			o.Batch, o.Terms, o.Timeouts, o.Proposals, o.InFlight, o.Depth = 1, 4, 8, 1, 20, 15
		}),
	}
}

// FindPreset picks a preset by its name. The error of an unknown one lists
// those there are.
func FindPreset(name string) (Preset, error) {
	var names []string
	for _, p := range Presets() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Preset{}, fmt.Errorf("no bounds are called %q; there are: %s", name, strings.Join(names, ", "))
}
