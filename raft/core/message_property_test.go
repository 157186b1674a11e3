package core

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawValue fills a value with random content that an encoder may be given.
// Lists are nil when they are empty, as decoders make them.
func drawValue(t *rapid.T, v reflect.Value) {
	switch p := v.Addr().Interface().(type) {
	case *Membership:
		*p = drawMembership(t)
		return
	case *Reason:
		*p = Reason(rapid.IntRange(int(NoLeader), int(Abandoned)).Draw(t, "reason"))
		return
	case *Entry:
		p.Index, p.Term = draw(t, "index", 1, 1<<62), Term(rapid.Uint64().Draw(t, "term"))
		switch p.Kind = EntryKind(rapid.IntRange(int(Command), int(Configuration)).Draw(t, "kind")); p.Kind {
		case Configuration:
			p.Data = drawMembership(t).AppendTo(nil)
		case Command:
			drawValue(t, reflect.ValueOf(&p.Data).Elem())
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			drawValue(t, v.Field(i))
		}
	case reflect.Slice:
		if n := rapid.IntRange(0, 3).Draw(t, "length"); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
		}
		for i := range v.Len() {
			drawValue(t, v.Index(i))
		}
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Uint8:
		v.SetUint(uint64(rapid.Byte().Draw(t, "byte")))
	default:
		v.SetUint(rapid.Uint64().Draw(t, "number"))
	}
}

func drawEnvelope(t *rapid.T) Envelope {
	kind := reflect.New(reflect.TypeOf(rapid.SampledFrom(messages).Draw(t, "kind"))).Elem()
	drawValue(t, kind)
	return Envelope{
		From: NodeID(draw(t, "from", 1, someMembers)), To: NodeID(draw(t, "to", 1, someMembers)),
		Term: Term(rapid.Uint64().Draw(t, "term")), Message: kind.Interface().(Message),
	}
}

// TestEnvelopeEncoding: random messages of all kinds are decoded as they were,
// and renamed to and fro.
func TestEnvelopeEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEnvelope(t)
		b := e.AppendTo(nil, nil)
		d, err := DecodeEnvelope(b)
		if err != nil || !reflect.DeepEqual(d, e) {
			t.Fatalf("%+v is decoded as %+v, %v", e, d, err)
		}
		names := []NodeID{0}
		for _, id := range rapid.Permutation([]uint64{1, 2, 3, 4, 5, 6}).Draw(t, "names") {
			names = append(names, NodeID(id))
		}
		back := make([]NodeID, len(names))
		for id, name := range names {
			back[name] = NodeID(id)
		}
		renamed, err := DecodeEnvelope(e.AppendTo(nil, names))
		if err != nil || renamed.From != names[e.From] || renamed.To != names[e.To] {
			t.Fatalf("%+v is renamed to %+v, %v", e, renamed, err)
		}
		if !bytes.Equal(renamed.AppendTo(nil, back), b) {
			t.Fatalf("%+v is another when it is renamed to and fro", e)
		}
		// Nothing that is cut short is an envelope.
		if n := rapid.IntRange(0, len(b)-1).Draw(t, "cut"); true {
			if _, err := DecodeEnvelope(b[:n]); err == nil {
				t.Fatalf("the first %d bytes of %+v are decoded", n, e)
			}
		}
	})
}

// TestMessagesInWords: what a transcript says of a message can be sent again.
func TestMessagesInWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEnvelope(t)
		if m, ok := e.Message.(Append); ok {
			m.Entries = slices.DeleteFunc(m.Entries, func(e Entry) bool { return e.Kind == Command }) // any bytes
			e.Message = m
		}
		if _, ok := e.Message.(Forward); ok {
			t.Skip("commands are any bytes")
		}
		text := say(e.Message)
		m, err := readMessage(split(text))
		if err != nil || say(m) != text {
			t.Fatalf("%s is read as %s, %v", text, say(m), err)
		}
	})
}

// FuzzDecodeEnvelope: whatever decodes is encoded in one way.
func FuzzDecodeEnvelope(f *testing.F) {
	for _, m := range messages {
		f.Add(Envelope{From: 1, To: 2, Term: 3, Message: m}.AppendTo(nil, nil))
	}
	entries := []Entry{{1, 1, Noop, nil}, {2, 1, Configuration, Membership{Voters: []NodeID{1}}.AppendTo(nil)}}
	f.Add(Envelope{1, 2, 3, Append{Entries: entries}}.AppendTo(nil, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := DecodeEnvelope(b)
		if err != nil {
			return
		}
		once := e.AppendTo(nil, nil)
		if d, err := DecodeEnvelope(once); err != nil || !reflect.DeepEqual(d, e) || !bytes.Equal(d.AppendTo(nil, nil), once) {
			t.Fatalf("%+v is encoded as %+v (%v)", e, d, err)
		}
	})
}
