package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func sample() []Event {
	yes := true
	fault := Began("partition", "ring")
	fault.Index, fault.Time = 4, 9
	return []Event{
		{Index: 0, Time: 5, Worker: 3, Process: 13, Type: Invoke, F: "write", Key: "k4.2", Value: Int(17), Node: "n2"},
		{Index: 1, Time: 6, Worker: 1, Process: 1, Type: Invoke, F: "cas", Key: "k4.2", Value: Int(18), Old: Null()},
		{Index: 2, Time: 7, Worker: 1, Process: 1, Type: OK, F: "cas", Key: "k4.2", Value: Int(18), Old: Null(), Swapped: &yes, Node: "n1"},
		{Index: 3, Time: 8, Worker: 3, Process: 13, Type: Info, F: "write", Key: "k4.2", Value: Int(17), Node: "n2", Error: "timeout"},
		fault,
	}
}

func encode(t testing.TB, events []Event) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := NewWriter(&b).Append(events...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWriteAndRead(t *testing.T) {
	record, err := Read(bytes.NewReader(encode(t, sample())))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(record.Events, sample()) || len(record.Torn) != 0 {
		t.Errorf("read back %+v", record)
	}
}

func TestLineIsAsDocumented(t *testing.T) {
	got := string(encode(t, sample()[:1]))
	want := `{"index":0,"time":5,"worker":3,"process":13,"type":"invoke","f":"write","key":"k4.2","value":17,"node":"n2"}` + "\n"
	if got != want {
		t.Errorf("line is %s, want %s", got, want)
	}
}

func TestReadDropsTornLastLine(t *testing.T) {
	whole := encode(t, sample())
	lines := bytes.SplitAfter(whole, []byte("\n"))
	last := lines[len(lines)-2]
	for cut := 1; cut <= len(last); cut++ {
		record, err := Read(bytes.NewReader(whole[:len(whole)-cut]))
		if err != nil {
			t.Fatalf("cut by %d: %v", cut, err)
		}
		if len(record.Events) != len(sample())-1 || len(record.Torn) != len(last)-cut {
			t.Fatalf("cut by %d: %d events, torn %q", cut, len(record.Events), record.Torn)
		}
	}
}

func TestReadRefusesCorruption(t *testing.T) {
	lines := strings.SplitAfter(string(encode(t, sample())), "\n")
	replace := func(at int, line string) string {
		changed := append([]string(nil), lines...)
		changed[at] = line
		return strings.Join(changed, "")
	}
	cases := []struct{ name, in, want string }{
		{"a line lost", replace(1, ""), "line 2: index 2, but 1 is next"},
		{"a line cut", replace(2, lines[2][:20]+"\n"), "line 3: not an event"},
		{"a line joined to another", replace(1, strings.TrimSpace(lines[1])+lines[1]), "line 2: more than one event"},
		{"last line whole but wrong", replace(4, "{}\n"), `line 5: type ""`},
		{"an unknown field", replace(0, strings.Replace(lines[0], `"key"`, `"kay"`, 1)), `line 1: not an event: json: unknown field "kay"`},
		{"an empty line", replace(3, "\n"), "line 4: not an event"},
		{"zeros", replace(3, "\x00\x00\x00\n"), "line 4: not an event"},
		{"a line without end", strings.Repeat("x", MaxLine+1), "line 1: longer than"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read(strings.NewReader(c.in))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %q", err, c.want)
			}
		})
	}
}

// full is a disk with room for so many bytes.
type full struct{ bytes.Buffer }

var errFull = errors.New("no space left")

func (f *full) Write(p []byte) (int, error) {
	if f.Len() > 0 {
		n, _ := f.Buffer.Write(p[:5])
		return n, errFull
	}
	return f.Buffer.Write(p)
}

func TestWriterStopsAtTheFirstError(t *testing.T) {
	disk := &full{}
	w := NewWriter(disk)
	events := sample()
	if err := w.Append(events[:2]...); err != nil {
		t.Fatal(err)
	}
	if err := w.Append(events[2]); !errors.Is(err, errFull) || !strings.Contains(err.Error(), "events 2 to 2 (5 of") {
		t.Errorf("the full disk gives %v", err)
	}
	before := disk.Len()
	if err := w.Append(events[3]); !errors.Is(err, errFull) || disk.Len() != before {
		t.Errorf("a later append gives %v and wrote %d bytes", err, disk.Len()-before)
	}
	if record, err := Read(&disk.Buffer); err != nil || len(record.Events) != 2 || len(record.Torn) != 5 {
		t.Errorf("read back %d events, %q torn, %v", len(record.Events), record.Torn, err)
	}
}

func TestWriterRefuses(t *testing.T) {
	cases := []struct {
		name, want string
		event      Event
	}{
		{"a gap", "the next index is 0", Event{Index: 1, Type: Invoke, F: "read"}},
		{"no type", `type ""`, Event{F: "read"}},
		{"a value that is no JSON", "encode event 0", Event{Type: Invoke, F: "read", Value: json.RawMessage("{")}},
		{"a line too long to read", "can be read back", Event{Type: Invoke, F: "read", Error: strings.Repeat("x", MaxLine)}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			err := NewWriter(&b).Append(c.event)
			if err == nil || !strings.Contains(err.Error(), c.want) || b.Len() != 0 {
				t.Errorf("error is %v, want %q; %d bytes written", err, c.want, b.Len())
			}
		})
	}
}

func TestValues(t *testing.T) {
	cases := []struct {
		name, canonical string
		raw             json.RawMessage
		null, number    bool
	}{
		{"nothing", "null", nil, true, false},
		{"null", "null", Null(), true, false},
		{"number", "-17", Int(-17), false, true},
		{"text", `"a\"b"`, String(`a"b`), false, false},
		{"spaced", `{"a":1}`, json.RawMessage(` {"a": 1} `), false, false},
		{"fraction", "1.5", json.RawMessage("1.5"), false, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if IsNull(c.raw) != c.null || Canonical(c.raw) != c.canonical {
				t.Errorf("IsNull %v, Canonical %s", IsNull(c.raw), Canonical(c.raw))
			}
			if _, err := ParseInt(c.raw); (err == nil) != c.number {
				t.Errorf("ParseInt gives %v", err)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	whole := encode(f, sample())
	f.Add(whole)
	f.Add(whole[:len(whole)-7])
	f.Add([]byte("{\"index\":0,\"type\":\"info\",\"f\":\"x\",\"process\":-1,\"value\": [1, null]}\n\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		record, err := Read(bytes.NewReader(in))
		if err != nil {
			return
		}
		if lines := bytes.Count(in, []byte("\n")); lines != len(record.Events) {
			t.Fatalf("%d lines gave %d events", lines, len(record.Events))
		}
		first := encode(t, record.Events)
		again, err := Read(bytes.NewReader(first))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if second := encode(t, again.Events); !bytes.Equal(first, second) {
			t.Fatalf("%s became %s", first, second)
		}
		ops, err := Pair(record.Events)
		if err != nil {
			return
		}
		for _, op := range ops {
			if op.Complete.Time < op.Invoke.Time || op.Complete.Index <= op.Invoke.Index || op.Complete.Time > Never {
				t.Fatalf("operation %+v ends before it begins", op)
			}
		}
	})
}
