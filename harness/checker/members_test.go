package checker

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"partita/harness/cluster"
	"partita/harness/history"
)

// changed is the record of a change of the membership from 5 s to 10 s; voters
// are those after its cure, nobody if there was none.
func changed(cured time.Duration, voters ...string) cluster.Fault {
	evidence := map[string]any{"requests": []string{"remove n3"}}
	if len(voters) > 0 {
		evidence["after"] = map[string]any{"at": cured, "voters": voters, "learners": []string(nil)}
	}
	return cluster.Fault{Nemesis: "membership", At: 5 * time.Second, Healed: 10 * time.Second, Evidence: evidence}
}

// Only members have to serve: those of the beginning until a change, then those
// that it left.
func TestAvailabilityOfMembers(t *testing.T) {
	s := time.Second
	asked := func(kind history.Type, nodes ...string) []history.Operation {
		var all []history.Operation
		for _, node := range nodes {
			all = join(all, many(1, "read", kind, node, 11*s), many(1, "write", kind, node, 12*s))
		}
		return all
	}
	partition := cluster.Fault{Nemesis: "partition", At: 5 * s, Healed: 10 * s}
	late := cluster.Fault{Nemesis: "membership", At: 9 * s, Healed: 10 * s, Evidence: map[string]any{}}
	for name, c := range map[string]struct {
		ops    []history.Operation
		faults []cluster.Fault
		end    time.Duration
		want   Verdict
		reason string
	}{
		"a spare is silent":         {join(asked(history.OK, "n1", "n2"), asked(history.Fail, "n3")), []cluster.Fault{partition}, 30 * s, Valid, ""},
		"a member is silent":        {join(asked(history.OK, "n1"), asked(history.Fail, "n2")), []cluster.Fault{partition}, 30 * s, Invalid, "no ok read on n2"},
		"who went is silent":        {join(asked(history.OK, "n1", "n3"), asked(history.Fail, "n2")), []cluster.Fault{changed(11*s, "n1", "n3")}, 30 * s, Valid, ""},
		"who came is silent":        {join(asked(history.OK, "n1", "n2"), asked(history.Fail, "n3")), []cluster.Fault{changed(11*s, "n1", "n3")}, 30 * s, Invalid, "no ok read on n3"},
		"never cured":               {asked(history.OK, "n1", "n2", "n3"), []cluster.Fault{changed(0)}, 30 * s, Invalid, "not as many again as they were, within 10s of the heal at 10.000 s"},
		"cured too late":            {asked(history.OK, "n1", "n3"), []cluster.Fault{changed(21*s, "n1", "n3")}, 30 * s, Invalid, "not as many again"},
		"ended before a cure":       {asked(history.OK, "n1", "n3"), []cluster.Fault{changed(0)}, 15 * s, Unknown, "too early to see the recovery"},
		"the next one was too late": {join(asked(history.OK, "n1", "n3"), asked(history.Fail, "n2")), []cluster.Fault{changed(11*s, "n1", "n3"), late}, 30 * s, Valid, ""},
	} {
		t.Run(name, func(t *testing.T) {
			// The record judges the same when it was written and read.
			for _, faults := range [][]cluster.Fault{c.faults, reread(t, c.faults)} {
				got := Availability(AvailabilityInput{Operations: c.ops, Faults: faults, Nodes: []string{"n1", "n2", "n3"},
					Members: []string{"n1", "n2"}, RecoverWithin: 10 * s, End: c.end})
				if got.Verdict != c.want || !strings.Contains(got.Reason, c.reason) {
					t.Errorf("%s, %q", got.Verdict, got.Reason)
				}
			}
		})
	}
}

func reread(t *testing.T, faults []cluster.Fault) []cluster.Fault {
	t.Helper()
	text, err := json.Marshal(faults)
	if err != nil {
		t.Fatal(err)
	}
	var again []cluster.Fault
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	return again
}

// What is asked of a node that is no member is not outside faults.
func TestOutsideFaultsOfMembers(t *testing.T) {
	s := time.Second
	ops := join(
		many(1, "read", history.OK, "n1", s), many(1, "write", history.OK, "n1", s), // from here on
		many(3, "read", history.Fail, "n2", 2*s), // a spare
		many(2, "read", history.OK, "n1", 3*s),
		many(1, "read", history.OK, "n2", 12*s), many(1, "write", history.OK, "n2", 12*s), // from here on
		many(4, "read", history.Fail, "n1", 13*s), // has gone
		many(1, "read", history.Fail, "n2", 14*s),
	)
	ok, total := OutsideFaults(AvailabilityInput{Operations: ops, Nodes: []string{"n1", "n2"}, Members: []string{"n1"},
		Faults: []cluster.Fault{changed(11*s, "n2")}, End: 20 * s})
	if ok != 2 || total != 3 {
		t.Errorf("%d of %d, want 2 of 3", ok, total)
	}
}
