package nemesis

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"partita/harness/cluster"
	"partita/node/api"
)

// oneChange is options of one change, of three voters among five nodes.
func oneChange(t *testing.T, shape, role string, order ...string) Options {
	return options(t, Membership, 5, func(o *MembershipOptions) {
		o.Voters = 3
		o.Faults = []MembershipFault{{
			Timed: Timed{At: 3 * time.Second, For: 2 * time.Second, Targets: role, Nodes: order}, Shape: shape,
		}}
	})
}

// spares is a world of five nodes of which three vote.
func spares() *world {
	w := newWorld(5)
	w.members.now.Voters, w.members.voters = []string{"n1", "n2", "n3"}, 3
	return w
}

// Each shape asks for what it says, of whom it says, and its cure brings three
// voters back, though not the same ones.
func TestChangesOfTheMembership(t *testing.T) {
	order := []string{"n3", "n5", "n1", "n2", "n4"}
	for name, c := range map[string]struct {
		shape, role string
		hit         string
		requests    string // those of the fault, then those of the cure
		voters      string
	}{
		"a follower goes":          {Remove, Follower, "n3", "remove n3|add_learner n3|add_voter n3", "n1 n2 n3"},
		"the leader goes":          {Remove, Leader, "n1", "remove n1|add_learner n5|add_voter n5", "n2 n3 n5"},
		"any goes":                 {Remove, One, "n3", "remove n3|add_learner n3|add_voter n3", "n1 n2 n3"},
		"one more, then one less":  {Add, Follower, "n5", "add_learner n5|add_voter n5|remove n3", "n1 n2 n5"},
		"one more, then no leader": {Add, Leader, "n5", "add_learner n5|add_voter n5|remove n1", "n2 n3 n5"},
		"one in another's place":   {Replace, Follower, "n3 n5", "add_learner n5|add_voter n5, remove n3", "n1 n2 n5"},
		"one in the leader's":      {Replace, Leader, "n1 n5", "add_learner n5|add_voter n5, remove n1", "n2 n3 n5"},
		"a follower only learns":   {Demote, Follower, "n3", "add_learner n3|add_voter n3", "n1 n2 n3"},
		"the leader only learns":   {Demote, Leader, "n1", "add_learner n1|add_voter n1", "n1 n2 n3"},
		"another leads":            {Transfer, Leader, "n1 n3", "transfer to n3", "n1 n2 n3"},
	} {
		t.Run(name, func(t *testing.T) {
			w := spares()
			r := run(t, w, Membership, oneChange(t, c.shape, c.role, order...), 10*time.Second)
			f := r.faults[0]
			if got := strings.Join(w.members.requests, "|"); got != c.requests {
				t.Errorf("asked for %s\nwant      %s", got, c.requests)
			}
			if got := strings.Join(f.Nodes, " "); got != c.hit || !f.Evident || f.Error != "" {
				t.Errorf("hit %s, want %s: evident %v, %q", got, c.hit, f.Evident, f.Error)
			}
			after, _ := f.Evidence["after"].(map[string]any)
			if got := strings.Join(w.members.now.Voters, " "); got != c.voters || !slices.Equal(after["voters"].([]string), w.members.now.Voters) {
				t.Errorf("%s vote in the end, want %s; the record has %v", got, c.voters, after)
			}
			w.whole(t)
			if want := "began membership " + c.shape + " " + c.role; r.events[0] != want {
				t.Errorf("%q, want %q", r.events[0], want)
			}
		})
	}
}

// A leader that refuses, or does not answer, is asked again, and what it did
// all the same is not asked for twice.
func TestChangesThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		err      *api.Error
		done     bool // all the same
		requests string
	}{
		"for a while":              {&api.Error{Code: api.ChangePending, Definite: true}, false, "remove n3|remove n3|add_learner n3|add_voter n3"},
		"by one that leads not":    {&api.Error{Code: api.NotLeader, Definite: true}, false, "remove n3|remove n3|add_learner n3|add_voter n3"},
		"without a word":           {&api.Error{Code: api.Timeout}, false, "remove n3|remove n3|add_learner n3|add_voter n3"},
		"without a word, but done": {&api.Error{Code: api.Timeout}, true, "remove n3|add_learner n3|add_voter n3"},
	} {
		t.Run(name, func(t *testing.T) {
			w, asked := spares(), 0
			w.members.fail = func(string, string) *api.Error {
				if asked++; asked > 1 {
					return nil
				}
				if c.done {
					w.members.now.Voters = []string{"n1", "n2"}
				}
				return c.err
			}
			r := run(t, w, Membership, oneChange(t, Remove, Follower, "n3", "n1", "n2", "n4", "n5"), 10*time.Second)
			if got := strings.Join(w.members.requests, "|"); got != c.requests || !r.faults[0].Evident {
				t.Errorf("asked for %s\nwant      %s\n%+v", got, c.requests, r.faults[0])
			}
			if refused, _ := r.faults[0].Evidence["refused"].(string); !strings.Contains(refused, string(c.err.Code)) {
				t.Errorf("the record says of the refusal %q", refused)
			}
			w.whole(t)
		})
	}
}

// A change that never comes about, or that no quorum sees, is not evident.
func TestChangesWithoutEvidence(t *testing.T) {
	always := func(code api.Code) func(string, string) *api.Error {
		return func(string, string) *api.Error { return &api.Error{Code: code, Definite: true} }
	}
	for name, c := range map[string]struct {
		shape  string
		change func(w *world)
		within string
	}{
		"refused":            {Remove, func(w *world) { w.members.fail = always(api.NotReady) }, "not_ready"},
		"a transfer refused": {Transfer, func(w *world) { w.members.fail = always(api.Abandoned) }, "abandoned"},
		"seen by a minority": {Demote, func(w *world) { w.members.blind = []string{"n2", "n3"} }, "a quorum has not seen"},
		"never whole": {Remove, func(w *world) {
			w.members.now.Outgoing = []string{"n1", "n2", "n3"}
		}, "is joint"},
	} {
		t.Run(name, func(t *testing.T) {
			w := spares()
			w.endAt = 12 * time.Second
			c.change(w)
			role := Follower
			if c.shape == Transfer {
				role = Leader
			}
			r := run(t, w, Membership, oneChange(t, c.shape, role, "n3", "n1", "n2", "n4", "n5"), 10*time.Second)
			if f := r.faults[0]; f.Evident || !strings.Contains(f.Error, c.within) {
				t.Errorf("evident %v, error %q, want %q", f.Evident, f.Error, c.within)
			}
		})
	}
}

// What half a change left is cured too: here a learner that was to be a voter.
func TestTheCureOfHalfAChange(t *testing.T) {
	w := spares()
	w.members.fail = func(_, request string) *api.Error {
		if strings.HasPrefix(request, "add_voter") {
			return &api.Error{Code: api.CatchingUp, Definite: true}
		}
		return nil
	}
	r := run(t, w, Membership, oneChange(t, Add, One, "n4", "n1", "n2", "n3", "n5"), 10*time.Second)
	if f := r.faults[0]; f.Evident || f.Evidence["after"] == nil {
		t.Errorf("got %+v", f)
	}
	if last := w.members.requests[len(w.members.requests)-1]; last != "remove n4" {
		t.Errorf("the cure asks for %s", last)
	}
	w.whole(t)
}

// A cure waits for as long as it takes: other faults may forbid it. One that
// the end of the run overtakes leaves no members in the record.
func TestTheCureIsPatient(t *testing.T) {
	for name, c := range map[string]struct {
		willing time.Duration
		cured   bool
	}{"late": {20 * time.Second, true}, "too late": {40 * time.Second, false}} {
		t.Run(name, func(t *testing.T) {
			w, r := spares(), &record{}
			w.endAt = 30 * time.Second
			w.members.fail = func(string, string) *api.Error {
				if w.now > 4*time.Second && w.now < c.willing {
					return &api.Error{Code: api.NotReady, Definite: true}
				}
				return nil
			}
			plan := NewPlan(Membership, oneChange(t, Remove, Follower, "n3", "n1", "n2", "n4", "n5"), 1, w.Nodes(), 10*time.Second)
			if err := plan.Run(w, r); err != nil {
				t.Fatal(err)
			}
			f := r.faults[0]
			if _, cured := f.Evidence["after"]; cured != c.cured || (f.Error == "") != c.cured || !f.Evident {
				t.Errorf("cured %v, want %v: %+v", cured, c.cured, f)
			}
			if !c.cured && !strings.Contains(f.Error, "back to 3 voters") {
				t.Errorf("the error is %q", f.Error)
			}
		})
	}
}

func TestMembershipOptions(t *testing.T) {
	for name, c := range map[string]struct {
		change func(o *MembershipOptions)
		nodes  int
		field  string // empty: accepted
		text   string
	}{
		"three of five":          {func(o *MembershipOptions) { o.Voters = 3 }, 5, "", ""},
		"all":                    {func(*MembershipOptions) {}, 3, "", ""},
		"one":                    {func(*MembershipOptions) {}, 1, "shapes", "one node"},
		"one voter, and a spare": {func(o *MembershipOptions) { o.Voters = 1 }, 2, "", ""},
		"more voters than nodes": {func(o *MembershipOptions) { o.Voters = 4 }, 3, "voters", "want 1 to 3"},
		"no spare": {func(o *MembershipOptions) { o.Shapes = []string{Add} }, 3, "shapes",
			`shape "add" needs a spare, and all 3 nodes are members`},
		"nobody left": {func(o *MembershipOptions) { o.Voters, o.Shapes = 1, []string{Demote} }, 2, "shapes", `at least 2 voters`},
		"unknown":     {func(o *MembershipOptions) { o.Shapes = []string{"removed"} }, 3, "shapes", `did you mean "remove"?`},
		"role of another kind": {func(o *MembershipOptions) { o.Targets = []string{Minority} }, 3, "targets",
			`unknown role "minority": allowed are leader, follower, one`},
		"too short": {func(o *MembershipOptions) { o.For = 100 * time.Millisecond }, 3, "for", "at least 500ms"},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := KindOf(Membership)
			if err != nil {
				t.Fatal(err)
			}
			o := k.Defaults().(*MembershipOptions)
			c.change(o)
			o.Complete(c.nodes)
			err = o.Validate(c.nodes)
			var p *Problem
			if c.field == "" && err != nil || c.field != "" && (!errors.As(err, &p) || p.Field != c.field || !strings.Contains(p.Text, c.text)) {
				t.Errorf("got %v; want %s: ... %s", err, c.field, c.text)
			}
		})
	}
	if err := holds(Follower, 5); err == nil {
		t.Error("other kinds know the role follower")
	}
}

// A given change says what is wrong with it as any other fault does.
func TestGivenChanges(t *testing.T) {
	for name, c := range map[string]struct {
		fault MembershipFault
		field string
		text  string
	}{
		"a transfer of nobody said": {MembershipFault{Shape: Transfer}, "", ""},
		"a transfer of a follower":  {MembershipFault{Shape: Transfer, Timed: Timed{Targets: Follower}}, "schedule[0].targets", "of the leader"},
		"a removal of nobody said":  {MembershipFault{Shape: Remove}, "schedule[0].targets", "unknown role"},
		"a removal of a majority":   {MembershipFault{Shape: Remove, Timed: Timed{Targets: Majority}}, "schedule[0].targets", "allowed are leader"},
		"an unknown shape":          {MembershipFault{Shape: "swap", Timed: Timed{Targets: One}}, "schedule[0].shape", "unknown shape"},
		"too many voters":           {MembershipFault{Shape: Remove, Voters: 6, Timed: Timed{Targets: One}}, "schedule[0].voters", "want 1 to 5"},
		"no spare":                  {MembershipFault{Shape: Replace, Voters: 5, Timed: Timed{Targets: One}}, "schedule[0].shape", "needs a spare"},
	} {
		t.Run(name, func(t *testing.T) {
			o := &MembershipOptions{Every: time.Second, For: time.Second, Voters: 3}
			c.fault.Nodes, c.fault.Timed.For = cluster.NodeNames(5), time.Second
			o.Faults = []MembershipFault{c.fault}
			o.Complete(5)
			err := o.Validate(5)
			var p *Problem
			if c.field == "" && err != nil || c.field != "" && (!errors.As(err, &p) || p.Field != c.field || !strings.Contains(p.Text, c.text)) {
				t.Errorf("got %v; want %s: ... %s", err, c.field, c.text)
			}
		})
	}
}
