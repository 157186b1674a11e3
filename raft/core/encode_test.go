package core

import (
	"bytes"
	"reflect"
	"testing"
	"unsafe"
)

// notEncoded are the fields of a Core that its encoding leaves out, each with
// the reason why it may.
var notEncoded = map[string]string{
	"cfg":                "given to DecodeState",
	"rand":               "only lengths of timers come from it",
	"now":                "0 between steps",
	"lead.peers[].bytes": "the sum of what is in flight",
	"disk.completed":     "numbers of writes are counted from it",
	"disk.hardChanged":   "false between steps",
	"disk.newFrom":       "0 between steps",
	"effects":            "those of the last step",
	"reported":           "equals role, term and leader between steps",
	"reason":             "words for the log",
}

// messages has one of every kind.
var messages = []Message{
	PreVote{}, PreVoteReply{}, Vote{}, VoteReply{}, Append{}, AppendReply{}, Heartbeat{}, HeartbeatReply{},
	InstallSnapshot{}, SnapshotReply{}, ReadIndex{}, ReadIndexReply{}, Forward{}, ForwardReply{}, TimeoutNow{},
}

// open makes a field that is not exported settable.
func open(v reflect.Value) reflect.Value {
	return reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
}

// leaves fills a value so that every list has an element, and visits every
// number, truth value and byte in it.
func leaves(v reflect.Value, path string, visit func(path string, v reflect.Value)) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if path != "" {
				name = path + "." + name
			}
			if _, ok := notEncoded[name]; !ok {
				leaves(open(v.Field(i)), name, visit)
			}
		}
	case reflect.Slice:
		if v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		leaves(v.Index(0), path+"[]", visit)
	case reflect.Interface: // a message, which has a test of its own
		if v.IsNil() {
			v.Set(reflect.ValueOf(ReadIndex{}))
		}
	default:
		visit(path, v)
	}
}

// fill gives a leaf a value that is not zero and that a decoder takes.
func fill(_ string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8:
		v.SetUint(1)
	case reflect.Int:
		v.SetInt(3)
	case reflect.Int64:
		v.SetInt(3)
	default:
		v.SetUint(2)
	}
}

// change gives a leaf another value that a decoder takes.
func change(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Uint8:
		v.SetUint(v.Uint() ^ 1)
	default:
		v.SetUint(v.Uint() + 1)
	}
}

func fullCore() *Core {
	c := &Core{cfg: Config{ID: 1, Voters: []NodeID{1, 2, 3}, ElectionTimeout: 2, ElectionJitter: 1, Heartbeat: 1, MaxBatch: 1, MaxBatchBytes: 1, MaxInflight: 1, MaxInflightBytes: 1, MaxUncommittedBytes: 1, SnapshotChunk: 1}}
	leaves(reflect.ValueOf(c).Elem(), "", fill)
	return c
}

// TestEveryFieldIsEncoded changes one field after the other, of a Core in which
// nothing is empty. It fails when somebody adds a field and forgets its
// encoding, unless the field is listed above with the reason.
func TestEveryFieldIsEncoded(t *testing.T) {
	was := fullCore().AppendState(nil, nil)
	var paths []string
	leaves(reflect.ValueOf(fullCore()).Elem(), "", func(path string, _ reflect.Value) { paths = append(paths, path) })
	if len(paths) < 50 {
		t.Fatalf("only %d fields were found: %v", len(paths), paths)
	}
	for _, path := range paths {
		c := fullCore()
		leaves(reflect.ValueOf(c).Elem(), "", func(p string, v reflect.Value) {
			if p == path {
				change(v)
			}
		})
		now := c.AppendState(nil, nil)
		if bytes.Equal(now, was) {
			t.Errorf("%s is not encoded", path)
		}
		d, err := DecodeState(c.cfg, now)
		if err != nil {
			t.Errorf("with another %s: %v", path, err)
		} else if again := d.AppendState(nil, nil); !bytes.Equal(again, now) {
			t.Errorf("%s is not decoded as it was", path)
		}
	}
}

// TestEveryMessageIsEncoded does the same for every field of every message.
func TestEveryMessageIsEncoded(t *testing.T) {
	make := func(kind Message, path string) Envelope {
		v := reflect.New(reflect.TypeOf(kind)).Elem()
		leaves(v, "", fill)
		leaves(v, "", func(p string, v reflect.Value) {
			if p == path {
				change(v)
			}
		})
		return Envelope{From: 1, To: 2, Term: 3, Message: v.Interface().(Message)}
	}
	for _, kind := range messages {
		var paths []string
		leaves(reflect.New(reflect.TypeOf(kind)).Elem(), "", func(path string, _ reflect.Value) { paths = append(paths, path) })
		was := make(kind, "").AppendTo(nil, nil)
		for _, path := range paths {
			e := make(kind, path)
			now := e.AppendTo(nil, nil)
			if bytes.Equal(now, was) {
				t.Errorf("%T.%s is not encoded", kind, path)
			}
			if d, err := DecodeEnvelope(now); err != nil || !reflect.DeepEqual(d, e) {
				t.Errorf("%+v decodes to %+v, %v", e, d, err)
			}
		}
	}
}

// FuzzDecodeState: whatever decodes has one encoding, and nothing panics.
func FuzzDecodeState(f *testing.F) {
	cfg := fullCore().cfg
	f.Add(fullCore().AppendState(nil, nil))
	f.Add(Envelope{1, 2, 3, Append{Entries: []Entry{{1, 1, Noop, nil}}}}.AppendTo(nil, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := DecodeState(cfg, b); err == nil {
			once := c.AppendState(nil, nil)
			d, err := DecodeState(cfg, once)
			if err != nil || !bytes.Equal(d.AppendState(nil, nil), once) {
				t.Fatalf("decoded from %x, it is encoded as %x, which is not what that decodes to (%v)", b, once, err)
			}
		}
		if e, err := DecodeEnvelope(b); err == nil {
			if d, err := DecodeEnvelope(e.AppendTo(nil, nil)); err != nil || !reflect.DeepEqual(d, e) {
				t.Fatalf("%+v is encoded as %+v (%v)", e, d, err)
			}
		}
	})
}
