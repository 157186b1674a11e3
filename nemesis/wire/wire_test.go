package wire

import (
	"encoding/json"
	"reflect"
	"testing"
)

// An agent that knows nothing of packets, power and disks is understood, and
// what did not happen is not written.
func TestStateIsAdditive(t *testing.T) {
	const before = `{"node":"n1","now":5,"pid":7,"stopped":false,"boots":1,"exits":null,"rules":null,` +
		`"dropped":0,"clock":{},"realtime":6,"monotonic":5}`
	var s State
	if err := json.Unmarshal([]byte(before), &s); err != nil {
		t.Fatal(err)
	}
	if text, err := json.Marshal(s); err != nil || string(text) != before {
		t.Errorf("got  %s (%v)\nwant %s", text, err, before)
	}
	s.PacketRules = []PacketRule{{From: "n2", Loss: 0.5, Delay: 3}}
	s.DiskTrouble, s.Disk.FailedSyncs, s.Power.Losses, s.Packets.Lost = Disk{FailSync: 2}, 1, 2, 3
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var again State
	if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(again, s) {
		t.Errorf("wrote %+v\nread  %+v (%v)", s, again, err)
	}
}
