package scenario

import (
	"strings"
	"testing"
)

func TestComplaints(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":                     {"", "x.yaml:1: an empty file"},
		"only a comment":            {"\n# nothing\n\n", "x.yaml:1: an empty file"},
		"only a marker":             {"---\n", "x.yaml:1: an empty file"},
		"a list":                    {"# a\n- nodes\n", "x.yaml:2: found a list, want a map"},
		"a text":                    {"nodes\n", `x.yaml:1: found the text "nodes", want a map`},
		"no YAML":                   {"nodes: 5\nnode: {a: b\nseed: 4\n", "no YAML"},
		"a second document":         {"nodes: 5\n---\nnodes: 3\n", "x.yaml:2: a second document"},
		"a broken second document":  {"nodes: 5\n---\n{\n", "no YAML"},
		"unknown key":               {"nodes: 5\nnode:\n  hearbeat: 1s\n", `x.yaml:3: node: unknown key "hearbeat": did you mean "heartbeat"? allowed are election-timeout,`},
		"unknown key at the top":    {"zebra: 5\n", `x.yaml:1: unknown key "zebra": allowed are name, description, nodes,`},
		"repeated key":              {"nodes: 5\nseed: 1\nnodes: 5\n", `x.yaml:3: the key "nodes" again, after line 1`},
		"a map as a key":            {"{a: b}: 5\n", "x.yaml:1: found a map, want a key"},
		"an anchor":                 {"node: &a {}\n", "x.yaml:1: the anchor &a"},
		"an alias":                  {"name: &a b\ndescription: *a\n", "x.yaml:1: the anchor &a"},
		"a merge":                   {"nodes: 5\n<<: {seed: 1}\n", "x.yaml:2: the merge key <<"},
		"a tag":                     {"nodes: !!int 5\n", "x.yaml:1: the tag !!int"},
		"text for a number":         {"nodes: five\n", `x.yaml:1: nodes: found the text "five", want a whole number`},
		"fraction for a number":     {"nodes: 5.0\n", "x.yaml:1: nodes: found the number 5.0, want a whole number"},
		"number past all":           {"seed: 99999999999999999999\n", "x.yaml:1: seed: found the number"},
		"nothing for a number":      {"nodes:\n", "x.yaml:1: nodes: found nothing, want a whole number"},
		"number for a text":         {"name: 12\n", "x.yaml:1: name: found the number 12, want a text"},
		"number for a time":         {"time-limit: 60\n", "x.yaml:1: time-limit: found the number 60, want a time with its unit"},
		"text for a time":           {"time-limit: long\n", `x.yaml:1: time-limit: found the text "long", want a time`},
		"list for a time":           {"time-limit: [1s]\n", "x.yaml:1: time-limit: found a list, want a time"},
		"text for a truth value":    {"stop-at-first-invalid: yes\n", `found the text "yes", want true or false`},
		"text for a map":            {"node: fast\n", `x.yaml:1: node: found the text "fast", want a map with the keys election-timeout`},
		"map for a list":            {"nemesis: {kill: {}}\n", "x.yaml:1: nemesis: found a map, want a list"},
		"text in the nemesis":       {"nemesis:\n- kill\n", `x.yaml:2: nemesis: found the text "kill", want a map of one kind`},
		"two kinds in one":          {"nemesis:\n- {kill: {}, pause: {}}\n", "x.yaml:2: nemesis: found a map of 2 keys, want one"},
		"unknown kind":              {"nemesis:\n- partitoin: {}\n", `x.yaml:2: nemesis: unknown kind of fault "partitoin": did you mean "partition"?`},
		"a kind twice":              {"nemesis:\n- kill: {}\n- kill: {}\n", `x.yaml:3: nemesis: the kind "kill" again`},
		"unknown option":            {"nemesis:\n- kill:\n    shapes: [one]\n", `x.yaml:3: nemesis.kill: unknown key "shapes": allowed are targets, every, for`},
		"unknown shape":             {"nemesis:\n- partition:\n    every: 7s\n    shapes: [rings]\n", `x.yaml:4: nemesis.partition.shapes: unknown shape "rings": did you mean "ring"?`},
		"shape of a larger cluster": {"nodes: 3\nnemesis:\n- partition: {shapes: [ring]}\n", "x.yaml:3: nemesis.partition.shapes: shape \"ring\" needs at least 4 nodes"},
		"number as a shape":         {"nemesis:\n- partition: {shapes: [1]}\n", "x.yaml:2: nemesis.partition.shapes: found the number 1, want a list of texts"},
		"text as shapes":            {"nemesis:\n- partition: {shapes: ring}\n", `found the text "ring", want a list`},
		"longer than every":         {"nemesis:\n- kill:\n    for: 9s\n", "x.yaml:3: nemesis.kill.every: 6s: it counts from start to start"},
		"partition of one node":     {"nodes: 1\nnemesis:\n- partition: {}\n", "x.yaml:3: nemesis.partition.shapes: a partition cuts"},
		"no nodes":                  {"seed: 1\nnodes: 0\n", "x.yaml:2: nodes: 0: want 1 to 9"},
		"ten nodes":                 {"nodes: 10\n", "x.yaml:1: nodes: 10: want 1 to 9"},
		"negative rate":             {"workload:\n  rate: -4\n", "x.yaml:2: workload.rate: -4: want 0.1 to 100000"},
		"rate of no number":         {"workload: {rate: .nan}\n", "x.yaml:1: workload.rate: NaN: want"},
		"unknown workload":          {"workload: {name: registers}\n", `unknown name "registers": did you mean "register"? allowed are append, register`},
		"concurrency of nonsense":   {"workload: {concurrency: n3}\n", `found the text "n3": want a number of clients`},
		"list of concurrency":       {"workload: {concurrency: [3]}\n", "workload.concurrency: found a list, want one value"},
		"too few clients":           {"workload: {concurrency: 9}\n", "workload.concurrency: 9 clients: want 10, a reader and a writer for each of 5 nodes"},
		"huge concurrency":          {"workload: {concurrency: 9223372036854775807n}\n", "want 1 to 1000"},
		"slow heartbeat":            {"node: {heartbeat: 1s}\n", "x.yaml:1: node.heartbeat: 1s: want less than election-timeout"},
		"no peer silence":           {"node: {peer-silence: 0s}\n", "x.yaml:1: node.peer-silence: 0s: want"},
		"unknown reads":             {"node: {reads: dirty}\n", `unknown reads "dirty": allowed are readindex, lease`},
		"more members than nodes":   {"nodes: 3\nmembers: 4\n", "x.yaml:2: members: 4: want 0 to 3"},
		"a chunk of nothing":        {"node: {snapshot-chunk: 0}\n", "x.yaml:1: node.snapshot-chunk: 0: want 1 to"},
		"room for nothing":          {"node: {max-uncommitted: 0}\n", "x.yaml:1: node.max-uncommitted: 0: want 1 to"},
		"a negative tail":           {"node: {compact-tail: -1}\n", "x.yaml:1: node.compact-tail: -1: want 0 to"},
		"a drift of all":            {"node:\n  lease-drift: 1\n", "x.yaml:2: node.lease-drift: 1: want a part"},
		"a drift of no number":      {"node: {lease-drift: .nan}\n", "node.lease-drift: NaN: want a part"},
		"no way to read":            {"workload:\n  reads: []\n", "x.yaml:2: workload.reads: an empty list"},
		"an unknown way to read":    {"workload: {reads: [leese]}\n", `x.yaml:1: workload.reads: unknown reads "leese": did you mean "lease"? allowed are readindex, lease, stale`},
		"stale reads":               {"workload: {reads: [lease, stale]}\n", "x.yaml:1: workload.reads: stale: such reads show the past"},
		"leases and drawn clocks":   {"node: {reads: lease}\nnemesis:\n- clock:\n    shapes: [monotonic-rate]\n", "x.yaml:4: nemesis.clock.shapes: monotonic-rate: with reads by lease clocks have to keep to node.lease-drift, which is 0.1"},
		"leases and any clocks":     {"workload: {reads: [readindex, lease]}\nnemesis:\n- clock: {}\n", "x.yaml:3: nemesis.clock.shapes: monotonic-rate: with reads by lease"},
		"leases and a fast clock":   {leased("rate: 1.2, shape: monotonic-rate"), "x.yaml:5: nemesis.clock.schedule[0].rate: 1.2: with reads by lease"},
		"leases and a slow clock":   {leased("rate: 0.8, shape: monotonic-rate"), "x.yaml:5: nemesis.clock.schedule[0].rate: 0.8: with reads by lease"},
		"leases and a jump":         {leased("offset: 1s, shape: monotonic-jump"), "x.yaml:5: nemesis.clock.schedule[0].shape: monotonic-jump: with reads by lease"},
		"no spare to add":           {"nodes: 3\nnemesis:\n- membership:\n    shapes: [add]\n", `x.yaml:4: nemesis.membership.shapes: shape "add" needs a spare, and all 3 nodes are members`},
		"a voter too many":          {"members: 3\nnemesis:\n- membership: {voters: 6}\n", "x.yaml:3: nemesis.membership.voters: 6: want 1 to 5"},
		"unknown expectation":       {"expect: fine\n", `x.yaml:1: expect: unknown expect "fine": allowed are valid, invalid`},
		"reached what there is not": {"checks:\n  reached: [leese-reads]\n", `x.yaml:2: checks.reached: unknown reached "leese-reads": did you mean "lease-reads"? allowed are lease-reads, snapshots-taken,`},
		"reached twice":             {"checks:\n  reached: [chunks-sent, lease-reads, chunks-sent]\n", "x.yaml:2: checks.reached: chunks-sent again: want each once"},
		"reached as a text":         {"checks: {reached: lease-reads}\n", `x.yaml:1: checks.reached: found the text "lease-reads", want a list`},
		"negative seed":             {"seed: -1\n", "x.yaml:1: seed: -1: want 0 to"},
		"name of a link":            {"name: latest\n", "x.yaml:1: name: \"latest\""},
		"name of a folder above":    {"name: ../x\n", "x.yaml:1: name: \"../x\""},
		"schedule as a map":         {"nemesis:\n- kill: {schedule: {at: 3s}}\n", "x.yaml:2: nemesis.kill.schedule: found a map, want a list, each entry a map with the keys at, for, targets, nodes"},
		"empty schedule":            {"nemesis:\n- kill:\n    schedule: []\n", "x.yaml:3: nemesis.kill.schedule: an empty list"},
		"text in a schedule":        {"nemesis:\n- kill:\n    schedule:\n    - one\n", `x.yaml:4: nemesis.kill.schedule[0]: found the text "one", want a map`},
		"key of another kind":       {"nemesis:\n- kill:\n    schedule:\n    - {at: 3s, shape: ring}\n", `x.yaml:4: nemesis.kill.schedule[0]: unknown key "shape": allowed are at, for, targets, nodes`},
		"unknown node":              {scheduled("at: 3s, for: 1s, targets: one, nodes: [n1, n6]"), `x.yaml:5: nemesis.kill.schedule[1].nodes: unknown node "n6"`},
		"key left out":              {scheduled("at: 3s, for: 1s, targets: one"), "x.yaml:5: nemesis.kill.schedule[1].nodes: 0 of 5 nodes"},
		"fault past the limit":      {scheduled("at: 59s, for: 1001ms, targets: one, nodes: [n1, n2, n3, n4, n5]"), "x.yaml:5: nemesis.kill.schedule[1].for: 1.001s: the fault lasts until 1m0.001s and the run until 1m0s"},
		"calls of texts":            {"nemesis:\n- power: {schedule: [{calls: [a]}]}\n", `nemesis.power.schedule[0].calls: found the text "a", want a whole number`},
		"one number as calls":       {"nemesis:\n- disk: {schedule: [{calls: 7}]}\n", "nemesis.disk.schedule[0].calls: found the number 7, want a list of whole numbers"},
		"empty script":              {"workload:\n  script: []\n", "x.yaml:2: workload.script: an empty list"},
		"script as a map":           {"workload: {script: {at: 1s}}\n", "workload.script: found a map, want a list, each entry a map with the keys at, worker, f, key, value, old"},
		"unknown key of a step":     {scripted("at: 1s, client: 0"), `x.yaml:4: workload.script[1]: unknown key "client": allowed are at, worker, f, key, value, old, how`},
		"unknown operation":         {scripted("at: 1s, worker: 0, key: a, f: reed"), `x.yaml:4: workload.script[1].f: unknown f "reed": did you mean "read"?`},
		"no key":                    {scripted("at: 1s, worker: 0, f: read"), "x.yaml:4: workload.script[1].key: no key"},
		"worker of nobody":          {scripted("at: 1s, worker: 15, f: read, key: a"), "x.yaml:4: workload.script[1].worker: 15: want 0 to 14, with 15 clients"},
		"step at the limit":         {scripted("at: 1m, worker: 0, f: read, key: a"), "x.yaml:4: workload.script[1].at: 1m0s: want 0s or later, before 1m0s"},
		"value of a list":           {scripted("at: 1s, worker: 0, f: write, key: a, value: [1]"), "x.yaml:4: workload.script[1].value: found a list, want a value"},
		"value of a fraction":       {scripted("at: 1s, worker: 0, f: write, key: a, value: 1.5"), "x.yaml:4: workload.script[1].value: found the number 1.5, want a value"},
		"value that nobody writes":  {scripted("at: 1s, worker: 0, f: write, key: a, value: five"), "x.yaml:4: workload.script[1].value: want a whole number"},
		"a way that there is not":   {scripted("at: 1s, worker: 0, f: read, key: a, how: twice"), "x.yaml:4: workload.script[1].how: want none: there is one way to ask"},
		"sessions that never last":  {"node: {session-entries: 0}\n", "x.yaml:1: node.session-entries: 0: want 1 to 1000000000"},
		"no room for sessions":      {"node: {max-sessions: 0}\n", "x.yaml:1: node.max-sessions: 0: want 1 to 1000000"},
		"cas that expects nothing":  {scripted("at: 1s, worker: 0, f: cas, key: a, value: 5"), "x.yaml:4: workload.script[1].old: want a whole number or null"},
		"a file too large":          {strings.Repeat("#", maxBytes+1), "x.yaml:1: 8388609 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse("x.yaml", []byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "x.yaml:") {
				t.Errorf("got  %v (%v)\nwant %s", err, s, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("more than a line: %q", err)
			}
		})
	}
}

// scheduled is a scenario whose second kill, in line 5, has these keys.
func scheduled(keys string) string {
	return "nemesis:\n- kill:\n    schedule:\n    - {at: 1s, for: 1s, targets: all, nodes: [n1, n2, n3, n4, n5]}\n    - {" + keys + "}\n"
}

// scripted is a scenario whose second operation, in line 4, has these keys.
func scripted(keys string) string {
	return "workload:\n  script:\n  - {at: 1s, worker: 3, f: read, key: a}\n  - {" + keys + "}\n"
}

// leased is a scenario of leases with one fault of a clock, in line 5, that has
// these keys.
func leased(keys string) string {
	return "node: {reads: lease}\nnemesis:\n- clock:\n    schedule:\n    - {at: 1s, for: 1s, targets: one, nodes: [n1, n2, n3, n4, n5], " + keys + "}\n"
}

func TestLoadNames(t *testing.T) {
	for name, c := range map[string]struct{ given, want string }{
		"nearly a name":   {"partitions", `no scenario "partitions" ships: did you mean "partition"? those that do are`},
		"no such file":    {"/nowhere/at-all.yaml", "no such file"},
		"a folder":        {t.TempDir() + "/", "is a directory"},
		"neither of both": {"", "those that do are"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Load(c.given); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}
