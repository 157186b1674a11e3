package nemesis

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"partita/harness/cluster"
	"partita/node/api"
)

// changeTimeout bounds one request to the leader. What came of it is looked
// for afterwards in any case, and it is asked again.
const changeTimeout = time.Second

// forever is a time that never comes.
const forever = time.Duration(math.MaxInt64)

// change is one change of the membership, or move of the lead, while it lasts.
type change struct {
	in       Injection
	subject  string // who goes, is demoted or leads no more
	spare    string // who is added or is to lead
	before   *view
	during   *view // once a quorum of the voters had seen it
	after    *view // once the cluster was back to its number of voters
	requests []string
	refused  string // what the leader said last, if it refused
	ended    bool
	cureErr  error
}

// view is what all nodes said when they were asked one after another.
type view struct {
	at       time.Duration
	leader   string // of the highest term in which one said that it leads
	term     uint64
	members  api.Members           // as the leader has them
	statuses map[string]api.Status // of those that answered
}

// wish is what is still to be asked of the leader; an empty one says that there
// is nothing.
type wish struct {
	changes []api.MemberChange
	to      string // who is to lead
}

func (q wish) empty() bool { return len(q.changes) == 0 && q.to == "" }

// String says a wish as a record has it.
func (q wish) String() string {
	if q.to != "" {
		return "transfer to " + q.to
	}
	words := ""
	for i, c := range q.changes {
		if i > 0 {
			words += ", "
		}
		words += string(c.Op) + " " + c.Node
	}
	return words
}

// look asks all nodes what they know. Not ok if nobody leads.
func look(w cluster.World) (view, bool) {
	v := view{statuses: map[string]api.Status{}}
	for _, node := range w.Nodes() {
		s, err := w.Status(node, statusTimeout)
		if err != nil {
			continue
		}
		v.statuses[node] = s
		if s.Role == Leader && s.Term >= v.term {
			v.leader, v.term, v.members = node, s.Term, s.Members
		}
	}
	v.at = w.Now()
	return v, v.leader != ""
}

// seen lists the voters that have the leader's configuration.
func (v *view) seen() []string {
	var nodes []string
	for _, node := range v.members.Voters {
		s, answered := v.statuses[node]
		if answered && same(s.Members, v.members) {
			nodes = append(nodes, node)
		}
	}
	return nodes
}

// agreed says whether the configuration is whole and a quorum has it.
func (v *view) agreed() bool {
	return !v.members.Joint() && len(v.members.Voters) > 0 && 2*len(v.seen()) > len(v.members.Voters)
}

// same says whether two configurations have the same members.
func same(a, b api.Members) bool {
	return slices.Equal(a.Voters, b.Voters) && slices.Equal(a.Outgoing, b.Outgoing) && slices.Equal(a.Learners, b.Learners)
}

// record is a view as evidence has it.
func (v *view) record() map[string]any {
	return map[string]any{
		"at": v.at, "leader": v.leader, "term": v.term,
		"voters": slices.Clone(v.members.Voters), "learners": slices.Clone(v.members.Learners), "seen": v.seen(),
	}
}

// asked is how many voters there are to be in the end.
func (c *change) asked() map[string]any { return map[string]any{"voters": c.in.Voters} }

// hit is whom the change was about. Until the cluster was looked at, nobody.
func (c *change) hit() []string {
	nodes := []string{}
	for _, node := range []string{c.subject, c.spare} {
		if node != "" {
			nodes = append(nodes, node)
		}
	}
	return nodes
}

// apply chooses who comes and goes, asks the leader for it until it is so, and
// returns since when a quorum of the new voters has it.
func (c *change) apply(w cluster.World) (time.Duration, error) {
	v, err := c.drive(w, c.in.Heal, func(v view) wish {
		if c.before == nil {
			c.before = &v
			c.choose(v)
		}
		return c.wanted(v)
	})
	if err != nil {
		return 0, err
	}
	c.during = &v
	return v.at, nil
}

// drive looks at the cluster and asks its leader for what next wishes, again
// and again, until there is nothing left to wish and a quorum has the
// configuration. An error says that it did not come to that by until.
func (c *change) drive(w cluster.World, until time.Duration, next func(view) wish) (view, error) {
	for {
		v, ok := look(w)
		why := "nobody leads"
		switch {
		case !ok:
		case v.members.Joint():
			why = "the configuration is joint"
		default:
			q := next(v)
			if q.empty() && v.agreed() {
				return v, nil
			}
			why = "a quorum has not seen the configuration"
			if !q.empty() {
				why = c.ask(w, v.leader, q)
			}
		}
		if w.Now() >= until {
			return view{}, fmt.Errorf("not done by %v: %s", until, why)
		}
		if err := w.Sleep(pollEvery); err != nil {
			c.ended = true
			return view{}, fmt.Errorf("not done: %s: %w", why, err)
		}
	}
}

// ask asks the leader for a wish and says what came of it.
func (c *change) ask(w cluster.World, leader string, q wish) string {
	if text := q.String(); len(c.requests) == 0 || c.requests[len(c.requests)-1] != text {
		c.requests = append(c.requests, text)
	}
	var err error
	if q.to != "" {
		_, err = w.Transfer(leader, q.to, changeTimeout)
	} else {
		_, err = w.ChangeMembers(leader, q.changes, changeTimeout)
	}
	if err != nil {
		c.refused = fmt.Sprintf("%s: %s: %v", leader, q, err)
		return c.refused
	}
	return "what was granted does not show yet"
}

// choose finds who holds the role and who is added.
func (c *change) choose(v view) {
	switch c.in.Shape {
	case Add:
		c.spare = c.first(func(node string) bool { return !v.members.Has(node) })
	case Replace:
		c.spare = c.first(func(node string) bool { return !v.members.Has(node) })
		c.subject = c.holder(v)
	case Transfer:
		c.subject = v.leader
		c.spare = c.first(func(node string) bool { return v.members.Votes(node) && node != v.leader })
	default:
		c.subject = c.holder(v)
	}
}

// holder is the voter that holds the role: not one that was just added, unless
// it leads or nobody else does.
func (c *change) holder(v view) string {
	if c.in.Targets == Leader {
		return v.leader
	}
	old := func(node string) bool { return v.members.Votes(node) && node != c.spare }
	follows := func(node string) bool { return v.members.Votes(node) && node != v.leader }
	if c.in.Targets == Follower {
		return cmp.Or(c.first(func(node string) bool { return old(node) && follows(node) }), c.first(follows), v.leader)
	}
	return cmp.Or(c.first(old), v.leader)
}

// first is the first node in the drawn order of which something holds.
func (c *change) first(holds func(node string) bool) string {
	if i := slices.IndexFunc(c.in.Order, holds); i >= 0 {
		return c.in.Order[i]
	}
	return ""
}

// wanted is what is left to be asked for of the change.
func (c *change) wanted(v view) wish {
	m := v.members
	switch shape := c.in.Shape; {
	case shape == Transfer:
		if v.leader == c.subject || v.term <= c.before.term {
			return wish{to: c.spare}
		}
	case shape == Demote && m.Votes(c.subject):
		return one(api.AddLearner, c.subject)
	case shape == Remove && m.Has(c.subject):
		return one(api.Remove, c.subject)
	case (shape == Add || shape == Replace) && !m.Has(c.spare):
		return one(api.AddLearner, c.spare)
	case shape == Add && !m.Votes(c.spare):
		return one(api.AddVoter, c.spare)
	case shape == Replace && !m.Votes(c.spare):
		both := one(api.AddVoter, c.spare)
		both.changes = append(both.changes, api.MemberChange{Op: api.Remove, Node: c.subject})
		return both
	}
	return wish{}
}

// one is a wish for a change of one part.
func one(op api.MemberOp, node string) wish {
	return wish{changes: []api.MemberChange{{Op: op, Node: node}}}
}

// hold waits.
func (c *change) hold(w cluster.World, until time.Duration) error {
	err := sleepUntil(w, until)
	c.ended = err != nil
	return err
}

// heal brings the cluster back to its number of voters, however long that
// takes: as long as other faults are in force it may be impossible. What did not
// come about before the end of the run is for the checkers to judge, and no
// error here.
func (c *change) heal(w cluster.World) error {
	if c.ended {
		return nil // nobody is left who would notice
	}
	v, err := c.drive(w, forever, c.cure)
	if err != nil {
		c.cureErr = fmt.Errorf("back to %d voters: %w", c.in.Voters, err)
		return nil
	}
	c.after = &v
	return nil
}

// cure is what is left to be asked for until there are as many voters as there
// are to be, and no learner.
func (c *change) cure(v view) wish {
	m := v.members
	switch {
	case len(m.Voters) > c.in.Voters:
		return one(api.Remove, c.holder(v))
	case len(m.Voters) < c.in.Voters && len(m.Learners) > 0:
		return one(api.AddVoter, c.first(func(node string) bool { return slices.Contains(m.Learners, node) }))
	case len(m.Voters) < c.in.Voters:
		return one(api.AddLearner, c.first(func(node string) bool { return !m.Has(node) }))
	}
	var q wish
	for _, node := range m.Learners {
		q.changes = append(q.changes, api.MemberChange{Op: api.Remove, Node: node})
	}
	return q
}

// judge says what was seen. The members after the cure are for the checkers:
// only they have to serve.
func (c *change) judge(cluster.World) (bool, map[string]any, error) {
	evidence := map[string]any{"requests": slices.Clone(c.requests)}
	if c.refused != "" {
		evidence["refused"] = c.refused
	}
	for name, v := range map[string]*view{"before": c.before, "during": c.during, "after": c.after} {
		if v != nil {
			evidence[name] = v.record()
		}
	}
	return c.during != nil, evidence, c.cureErr
}
