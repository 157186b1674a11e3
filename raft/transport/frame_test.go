package transport

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"testing"

	"partita/raft/core"
)

func still() error { return nil }

func TestFrameRefusesEveryFlippedBit(t *testing.T) {
	frame, err := appendFrame(nil, samples()[5], 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(frame) {
		flipped := bytes.Clone(frame)
		flipped[bit/8] ^= 1 << (bit % 8)
		if _, err := readFrame(bytes.NewReader(flipped), 1<<20, still); err == nil {
			t.Errorf("a frame with bit %d flipped was accepted", bit)
		}
	}
}

func TestFrameEndsBetweenFramesOrBreaks(t *testing.T) {
	frame, err := appendFrame(nil, samples()[0], 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(frame) {
		_, err := readFrame(bytes.NewReader(frame[:n]), 1<<20, still)
		if orderly := err == io.EOF; err == nil || orderly != (n == 0) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
}

func TestFrameLimit(t *testing.T) {
	e := core.Envelope{Message: core.InstallSnapshot{Data: make([]byte, 1000)}}
	if b, err := appendFrame([]byte("before"), e, 500); !errors.Is(err, errTooLong) || string(b) != "before" {
		t.Errorf("encode: %q, %v", b, err)
	}
	frame, err := appendFrame(nil, e, 2000)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readFrame(bytes.NewReader(frame), 500, still); !errors.Is(err, errTooLong) {
		t.Errorf("decode: %v", err)
	}
}

func TestLongFrameArrivesWhole(t *testing.T) {
	want := core.Envelope{From: 1, To: 2, Message: core.InstallSnapshot{Data: bytes.Repeat([]byte("snapshot"), 100_000)}}
	frame, err := appendFrame(nil, want, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := readFrame(bytes.NewReader(frame), 1<<20, still)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(payload)
	if err != nil || !bytes.Equal(got.Message.(core.InstallSnapshot).Data, want.Message.(core.InstallSnapshot).Data) {
		t.Errorf("another snapshot came out (%v)", err)
	}
}

func TestClaimedLengthAllocatesNothingBig(t *testing.T) {
	head := make([]byte, frameHeadBytes+10)
	binary.LittleEndian.PutUint32(head, 1<<30)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := readFrame(bytes.NewReader(head), 1<<30, still)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("ten bytes that claim to be a gibibyte allocated %d", grown)
	}
}

func TestHelloRoundTripAndEveryFlippedBit(t *testing.T) {
	want := hello{chunkStream, 7, 1, 2}
	b := want.encode()
	if got, err := readHello(bytes.NewReader(b)); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for bit := range 8 * len(b) {
		flipped := bytes.Clone(b)
		flipped[bit/8] ^= 1 << (bit % 8)
		if _, err := readHello(bytes.NewReader(flipped)); !errors.Is(err, errHello) {
			t.Errorf("a hello with bit %d flipped: %v", bit, err)
		}
	}
}
