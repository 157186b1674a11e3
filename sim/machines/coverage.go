package machines

import "partita/raft/core"

// counter is something that happened inside a cluster, to be counted.
type counter int

const (
	elections counter = iota
	elected
	stepDowns
	preVotesRefused
	votesRefused
	appendsRefused
	truncations
	snapshotsTaken
	snapshotsInstalled
	snapshotsRestored
	tornTails
	segmentsBegun
	forwardedWrites
	forwardedReads
	readsConfirmed
	leaseReads
	leasesMissed
	overloads
	jointConfigurations
	promotions
	configurationsReverted
	transfers
	transfersAbandoned
	chunksSent
	chunksResent
	requestsBatched
	overwritten
	lostForwards
	sessionsOpened
	sessionsDeduplicated
	sessionsExpired
	sessionsRefused
	syncsShared
	messagesSent
	messagesHeld
	messagesLost
	messagesDuplicated
	messagesReordered
	messagesDelayed
	boots
	kills
	powerLosses
	writesTaken
	namesTaken
	syncFailures
	writeFailures
	slowSyncs
	pauses
	clockChanges
	numCounters
)

// counterNames are the counters as they are printed, in order.
var counterNames = [numCounters]string{
	"elections", "leaders elected", "leaders stepped down", "pre-votes refused", "votes refused", "appends refused", "truncations",
	"snapshots taken", "snapshots installed", "snapshots restored at boot", "torn tails cut", "segments begun",
	"forwarded writes", "forwarded reads", "reads confirmed", "lease reads served", "lease reads refused", "proposals refused as overloaded",
	"joint configurations", "learners promoted", "configurations truncated", "leaders transferred", "transfers abandoned", "chunks sent", "chunks resent",
	"requests batched", "writes overwritten", "forwards lost",
	"sessions opened", "sessions deduplicated", "sessions expired", "sessions refused", "syncs shared by batches",
	"messages sent", "messages held back by a cut", "messages lost", "messages duplicated", "messages reordered", "messages delayed",
	"boots", "kills", "power losses", "unsynced writes lost", "unsynced names lost", "syncs failed", "writes failed", "syncs slowed", "pauses", "clock changes",
}

// count counts one.
func (c *Cluster) count(what counter) { c.coverage[what]++ }

// countSessions counts what a state machine did with sessions in the entries up
// to one, if it is the first of all nodes to come so far.
func (p *process) countSessions(to core.Index) {
	now, before, all := p.service.SessionCounts(), p.sessions, &p.m.cluster.coverage
	if p.sessions = now; to <= p.m.cluster.counted {
		return
	}
	p.m.cluster.counted = to
	all[sessionsOpened] += int(now.Opened - before.Opened)
	all[sessionsDeduplicated] += int(now.Deduplicated - before.Deduplicated)
	all[sessionsExpired] += int(now.Expired - before.Expired)
	all[sessionsRefused] += int(now.Refused - before.Refused)
}

// Counters lists the names of everything that is counted, in order.
func Counters() []string { return counterNames[:] }

// Coverage is how often each of Counters happened.
func (c *Cluster) Coverage() map[string]int {
	all := map[string]int{}
	for i, name := range counterNames {
		all[name] = c.coverage[i]
	}
	return all
}
