package server

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"partita/raft"
	"partita/raft/core"
	"partita/raft/transport"
)

// debugSource is the page, which needs nothing from anywhere else.
//
//go:embed debug.html
var debugSource string

// debugTemplate is the page with places for a view.
var debugTemplate = template.Must(template.New("debug").Parse(debugSource))

// refreshSeconds is how often the page loads itself again.
const refreshSeconds = 2

// debugPage tells a person what this node knows of its cluster.
type debugPage struct {
	cfg     Config
	names   roster
	raft    member
	wire    func() transport.Counters
	recent  func() []news
	started time.Time
}

// view is what the page shows, in words.
type view struct {
	Node, Role, Leader, Headline string
	Refresh                      int
	Now, Up                      string
	Leads, Joint                 bool

	State   []fact
	Members []fact
	Peers   []peerRow
	Leading []fact // on a leader
	Queues  []fact
	Counts  []fact
	Recent  []recentRow
}

// fact is a name, what it is, and what that means.
type fact struct{ Name, Value, Note string }

// peerRow is what is known of one node. What only a leader knows is empty
// elsewhere.
type peerRow struct {
	Node, Part, Mode, Match, Behind, Next, Inflight, Snapshot, Connection string
	Self                                                                  bool
}

type recentRow struct{ Time, Ago, What string }

// ServeHTTP answers with the page as of now.
func (d *debugPage) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	var page bytes.Buffer
	if err := debugTemplate.Execute(&page, d.view(time.Now())); err != nil {
		panic(fmt.Sprintf("server: the page fits its view: %v", err))
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(page.Bytes()) // a reader that hung up wants no page
}

func (d *debugPage) view(now time.Time) view {
	s := d.raft.Status()
	v := view{
		Node: d.cfg.Name, Role: s.Role.String(), Leader: d.names.name(s.Leader), Refresh: refreshSeconds,
		Now: now.UTC().Format("2006-01-02 15:04:05 UTC"), Up: roundly(now.Sub(d.started)),
		Leads: s.Role == core.Leader, Joint: s.Members.Joint(),
		Headline: d.headline(s), State: stateFacts(s), Members: d.memberFacts(s), Peers: d.peerRows(s),
		Queues: queueFacts(d.raft.Queues()), Counts: countFacts(d.raft.Counters()),
	}
	if v.Leads {
		v.Leading = d.leadingFacts(s)
	}
	for _, n := range d.recent() {
		v.Recent = append(v.Recent, recentRow{n.at.UTC().Format("15:04:05.000"), roundly(now.Sub(n.at)), d.tell(n)})
	}
	return v
}

// headline says in one sentence what this node is.
func (d *debugPage) headline(s core.Status) string {
	me := d.names.id(d.cfg.Name)
	part := "a voter"
	switch {
	case len(s.Members.All()) == 0:
		return "Not a member yet: it waits to be added by the leader of a cluster."
	case !s.Members.Has(me):
		part = "no member any more"
	case !s.Members.Votes(me):
		part = "a learner"
	case !slices.Contains(s.Members.Voters, me):
		part = "a voter on its way out"
	}
	switch {
	case s.Role == core.Leader:
		return fmt.Sprintf("Leads term %d, and is %s.", s.Term, part)
	case s.Leader != core.None:
		return fmt.Sprintf("Follows %s in term %d, and is %s.", d.names.name(s.Leader), s.Term, part)
	case s.Role == core.Follower:
		return fmt.Sprintf("Knows no leader in term %d, and is %s.", s.Term, part)
	}
	return fmt.Sprintf("Stands for election (%s) in term %d, and is %s.", s.Role, s.Term, part)
}

func stateFacts(s core.Status) []fact {
	return []fact{
		{"term", fmt.Sprint(s.Term), ""},
		{"last entry", fmt.Sprint(s.Last), ""},
		{"durable", fmt.Sprint(s.Durable), behind(s.Last, s.Durable, "not on this disk yet")},
		{"committed", fmt.Sprint(s.Commit), behind(s.Last, s.Commit, "not known to be committed")},
		{"applied", fmt.Sprint(s.Applied), behind(s.Commit, s.Applied, "committed and not applied")},
		{"snapshot covers", fmt.Sprint(s.Snapshot), behind(s.Applied, s.Snapshot, "applied since")},
		{"boot", fmt.Sprint(s.Boot), "times that this node was started on its data"},
	}
}

// behind says by how many entries one place of the log is behind another.
func behind(ahead, at core.Index, what string) string {
	if ahead <= at {
		return ""
	}
	return fmt.Sprintf("%d %s", ahead-at, what)
}

func (d *debugPage) memberFacts(s core.Status) []fact {
	m := s.Members
	where := "from the start of the cluster"
	if s.MembersIndex > 0 {
		where = fmt.Sprintf("stands at %d", s.MembersIndex)
		if s.MembersIndex > s.Commit {
			where += ", not known to be committed"
		}
	}
	facts := []fact{{"voters", orNone(d.names.list(m.Voters)), where}}
	if m.Joint() {
		facts[0].Note += "; joint: a decision needs a majority of both rows"
		facts = append(facts, fact{"outgoing voters", d.names.list(m.Outgoing), ""})
	}
	facts = append(facts, fact{"learners", orNone(d.names.list(m.Learners)), ""})
	var rest []string
	for _, name := range d.names {
		if !m.Has(d.names.id(name)) {
			rest = append(rest, name)
		}
	}
	return append(facts, fact{"could be added", orNone(strings.Join(rest, " ")), "in --peers and no members"})
}

func orNone(list string) string {
	if list == "" {
		return "none"
	}
	return list
}

func (d *debugPage) peerRows(s core.Status) []peerRow {
	known := map[core.NodeID]core.PeerStatus{}
	for _, p := range s.Peers {
		known[p.ID] = p
	}
	wires := map[core.NodeID]transport.PeerCounters{}
	for _, w := range d.wire().Peers {
		wires[w.ID] = w
	}
	var rows []peerRow
	for _, name := range d.names {
		id := d.names.id(name)
		row := peerRow{Node: name, Part: part(s.Members, id), Self: name == d.cfg.Name, Connection: connection(wires[id])}
		if row.Self {
			row.Connection = "this node"
		}
		if p, fed := known[id]; fed {
			row.Mode, row.Match, row.Next = p.Mode, fmt.Sprint(p.Match), fmt.Sprint(p.Next)
			row.Behind = fmt.Sprint(s.Last - min(s.Last, p.Match))
			if p.Inflight > 0 {
				row.Inflight = fmt.Sprintf("%d messages, %s", p.Inflight, bytesOf(uint64(p.InflightBytes)))
			}
			row.Snapshot = d.progress(p)
		}
		rows = append(rows, row)
	}
	return rows
}

// part is what a node is in a configuration.
func part(m core.Membership, id core.NodeID) string {
	in, out := slices.Contains(m.Voters, id), slices.Contains(m.Outgoing, id)
	switch {
	case in && m.Joint() && !out:
		return "voter, coming"
	case in:
		return "voter"
	case out && slices.Contains(m.Learners, id):
		return "voter, to be a learner"
	case out:
		return "voter, leaving"
	case slices.Contains(m.Learners, id):
		return "learner"
	}
	return "no member"
}

func connection(w transport.PeerCounters) string {
	state := "broken"
	if w.Connected {
		state = "open"
	}
	return fmt.Sprintf("%s; %d sent, %d received, %d dropped, %d redials", state, w.Sent, w.Received, w.Dropped, w.Redials)
}

// progress says how much of a snapshot on its way has arrived.
func (d *debugPage) progress(p core.PeerStatus) string {
	if p.Snapshot == 0 {
		return ""
	}
	of := ""
	if index, bytes := d.raft.SnapshotSize(); index == p.Snapshot && bytes > 0 {
		of = fmt.Sprintf(" of %s (%d %%)", bytesOf(uint64(bytes)), p.SnapshotOffset*100/uint64(bytes))
	}
	return fmt.Sprintf("of %d: %s%s", p.Snapshot, bytesOf(p.SnapshotOffset), of)
}

func (d *debugPage) leadingFacts(s core.Status) []fact {
	lease := fact{"lease", "none", "reads by lease ask a majority instead"}
	if left := d.raft.LeaseLeft(); left > 0 {
		lease = fact{"lease", fmt.Sprintf("holds for %d ms more", left.Milliseconds()),
			fmt.Sprintf("if no clock is off by more than %g of true time", d.cfg.LeaseDrift)}
	}
	transfer := fact{"transfer", "none under way", ""}
	if s.Transferring != core.None {
		transfer = fact{"transfer", "to " + d.names.name(s.Transferring), "commands are refused meanwhile"}
	}
	return []fact{lease, transfer,
		{"not committed", bytesOf(uint64(s.Uncommitted)), "of at most " + bytesOf(uint64(d.cfg.MaxUncommitted))}}
}

func queueFacts(q raft.Queues) []fact {
	return []fact{
		{"requests", fmt.Sprint(q.Requests), "wait for the owner's turn"},
		{"completions", fmt.Sprint(q.Completions), "of disk and service, for the owner's turn"},
		{"log", fmt.Sprint(q.Log), "changes of the log wait for the disk, with " + bytesOf(uint64(max(0, q.BacklogBytes)))},
		{"snapshots", fmt.Sprint(q.Saves), "wait for the disk"},
		{"applies", fmt.Sprint(q.Applies), "batches of entries wait for the service"},
		{"chunks", fmt.Sprint(q.Chunks), "pieces of snapshots wait to be read"},
	}
}

func countFacts(c raft.Counters) []fact {
	perSync := "none yet"
	if c.Appends > 0 {
		perSync = fmt.Sprintf("%.1f entries each", float64(c.Entries)/float64(c.Appends))
	}
	return []fact{
		{"syncs of the log", fmt.Sprint(c.Appends), perSync},
		{"snapshots", fmt.Sprintf("%d saved, %d installed, %d sent", c.SnapshotsSaved, c.SnapshotsLoaded, c.SnapshotsSent),
			fmt.Sprintf("%d chunks sent, %s", c.ChunksSent, bytesOf(c.ChunkBytesSent))},
		{"reads", fmt.Sprintf("%d by lease, %d by a round", c.ReadsByLease, c.ReadsByRound), "of this node's clients"},
		{"members", fmt.Sprintf("%d changes, %d transfers", c.Changes, c.Transfers), "begun, and done, by this node"},
		{"refused", fmt.Sprintf("%d overloaded, %d messages shed", c.Overloaded, c.Shed), ""},
	}
}

// tell puts a change in words.
func (d *debugPage) tell(n news) string {
	if n.members != nil {
		text := "members: voters " + orNone(d.names.list(n.members.Voters))
		if n.members.Joint() {
			text += ", outgoing " + d.names.list(n.members.Outgoing)
		}
		if len(n.members.Learners) > 0 {
			text += ", learners " + d.names.list(n.members.Learners)
		}
		return text
	}
	text := fmt.Sprintf("%s in term %d", n.changed.Role, n.changed.Term)
	if leader := n.changed.Leader; leader != core.None && n.changed.Role != core.Leader {
		text += ", leader " + d.names.name(leader)
	}
	return text + ": " + n.changed.Reason
}

// roundly gives a time span as a person would say it.
func roundly(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// bytesOf gives a number of bytes as a person would say it.
func bytesOf(n uint64) string {
	switch {
	case n < 10<<10:
		return fmt.Sprintf("%d B", n)
	case n < 10<<20:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}
