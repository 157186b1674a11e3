package vdso

import (
	"bytes"
	"encoding/binary"
	"unsafe"
)

// stubs returns the addresses of the code in stub_amd64.s.
func stubs() (gettime, syscall, timeofday, time unsafe.Pointer)

// The bytes of the marks in stub_amd64.s, each eight times in a row.
const (
	markClock   = 0x11
	markParams  = 0x22
	markGettime = 0x33
	markEnd     = 0x41
)

// maxStub is longer than any stub.
const maxStub = 512

func mark(b byte) []byte { return bytes.Repeat([]byte{b}, 8) }

// text copies the stub at an address, up to its end mark.
func text(at unsafe.Pointer) []byte {
	code, _, found := bytes.Cut(unsafe.Slice((*byte)(at), maxStub), mark(markEnd))
	if !found {
		panic("invariant stub-ends: no end mark")
	}
	return bytes.Clone(code)
}

// fill puts an address in the place of a mark.
func fill(code []byte, m byte, address uint64) {
	i := bytes.Index(code, mark(m))
	if i < 0 {
		panic("invariant stub-marked: no place for an address")
	}
	binary.LittleEndian.PutUint64(code[i:], address)
}
