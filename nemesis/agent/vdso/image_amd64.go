package vdso

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"

	"golang.org/x/arch/x86/x86asm"
)

// The parameters stand in the vDSO's tail, at a multiple of 64 bytes, and the
// code behind them:
//
//	offset 0      1      8           16          64        128  192  256  320
//	      +------+------+-----------+-----------+---------+----+----+----+------
//	      | seq  | zero | "PARTITA1"| zero      | block 0 | 1  | 2  | 3  | code
//	      +------+------+-----------+-----------+---------+----+----+----+------
//
//	block +---------+----------------------+-----------------------+---------+
//	      | version | base shown rate (24) | base shown rate (24)  | version |
//	      |   (8)   | of CLOCK_REALTIME    | of CLOCK_MONOTONIC    |   (8)   |
//	      +---------+----------------------+-----------------------+---------+
//
// All numbers are 64 bits, little endian. Block seq mod 4 is in force. A
// writer fills the next block and then publishes it by writing seq, a single
// byte, so nobody can see half a sequence. A reader who was held up while
// his block was written anew notices that seq is another, or, after exactly
// a multiple of 256 changes, that the version before the lines differs from the
// one behind them, and reads again.
const (
	blockSize  = 64
	blocks     = 4
	paramsSize = 64 + blocks*blockSize
	magicAt    = 8
)

var magic = []byte("PARTITA1")

// block encodes clocks as a block of the given version.
func block(version uint64, c Clocks) []byte {
	b := make([]byte, 0, blockSize)
	b = binary.LittleEndian.AppendUint64(b, version)
	for _, l := range []Line{c.Realtime, c.Monotonic} {
		b = binary.LittleEndian.AppendUint64(b, uint64(l.Base))
		b = binary.LittleEndian.AppendUint64(b, uint64(l.Shown))
		b = binary.LittleEndian.AppendUint64(b, uint64(l.Rate))
	}
	return binary.LittleEndian.AppendUint64(b, version)
}

// params encodes fresh parameters: every block holds the same clocks.
func params(c Clocks) []byte {
	b := make([]byte, 64, paramsSize)
	copy(b[magicAt:], magic)
	for i := range blocks {
		b = append(b, block(uint64(i), c)...)
	}
	return b
}

// write is bytes to be put at an address.
type write struct {
	at   uint64
	data []byte
}

// jumpSize is the length of a jmp with a 32-bit displacement.
const jumpSize = 5

func jump(from, to uint64) []byte {
	return binary.LittleEndian.AppendUint32([]byte{0xe9}, uint32(to-from-jumpSize))
}

// patched finds the parameters in the image of a vDSO that was replaced
// before, as an offset.
func patched(image []byte) (offset int, found bool) {
	for at := 0; at+paramsSize <= len(image); at += 64 {
		if bytes.Equal(image[at+magicAt:at+magicAt+len(magic)], magic) {
			return at, true
		}
	}
	return 0, false
}

// replace computes what to write to a vDSO mapped at base, in order: stub and
// parameters, then the jumps. It returns the parameters' address too.
func replace(image []byte, base uint64, c Clocks) (writes []write, at uint64, err error) {
	functions, err := locate(image)
	if err != nil {
		return nil, 0, err
	}
	head := functions[heads[0]]
	if head == 0 {
		return nil, 0, fmt.Errorf("%w: it has no %s", ErrUnsupported, heads[0])
	}
	gettime, syscall, timeofday, time := stubs()
	tail := len(bytes.TrimRight(image, "\x00"))
	tail = (tail + 64 + 63) &^ 63
	blob := params(c)
	at = base + uint64(tail)
	place := func(code []byte) uint64 {
		for len(blob)%16 != 0 {
			blob = append(blob, 0)
		}
		address := at + uint64(len(blob))
		blob = append(blob, code...)
		return address
	}
	clock := text(syscall)
	if n, ok := movable(image[head:]); ok {
		here := at + uint64(len(blob)+15)&^15
		clock = append(bytes.Clone(image[head:head+uint64(n)]), jump(here+uint64(n), base+head+uint64(n))...)
	}
	code := text(gettime)
	fill(code, markClock, place(clock))
	fill(code, markParams, at)
	targets := []uint64{place(code)}
	for _, stub := range [][]byte{text(timeofday), text(time)} {
		fill(stub, markGettime, targets[0])
		targets = append(targets, place(stub))
	}
	if tail+len(blob) > len(image) {
		return nil, 0, fmt.Errorf("%w: the stub needs %d bytes and its tail has %d", ErrUnsupported, len(blob), len(image)-tail)
	}
	writes = append(writes, write{at, blob})
	for i, name := range heads {
		if offset := functions[name]; offset != 0 {
			writes = append(writes, write{base + offset, jump(base+offset, targets[i])})
		}
	}
	return writes, at, nil
}

// heads are the functions that are replaced, in the order of the writes.
var heads = []string{"__vdso_clock_gettime", "__vdso_gettimeofday", "__vdso_time"}

// locate reads the offsets of the vDSO's functions that are replaced. One that
// has no room for a jump is an error.
func locate(image []byte) (map[string]uint64, error) {
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return nil, fmt.Errorf("%w: read it as ELF: %w", ErrUnsupported, err)
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return nil, fmt.Errorf("%w: read its symbols: %w", ErrUnsupported, err)
	}
	at := map[string]uint64{}
	for _, s := range symbols {
		for _, name := range heads {
			if s.Name != name {
				continue
			}
			if s.Size < jumpSize || s.Value == 0 || s.Value > uint64(len(image)) || uint64(len(image))-s.Value < s.Size {
				return nil, fmt.Errorf("%w: %s at %#x of %d bytes is not in its image", ErrUnsupported, name, s.Value, s.Size)
			}
			at[name] = s.Value
		}
	}
	return at, nil
}

// movable returns the length of the whole instructions that a jump over the
// head of code would break, if they do the same at another address: none of
// them may be relative to the program counter, or jump, call or return.
func movable(code []byte) (length int, ok bool) {
	for length < jumpSize {
		inst, err := x86asm.Decode(code[min(length, len(code)):], 64)
		if err != nil || inst.PCRel != 0 {
			return 0, false
		}
		switch inst.Op {
		case x86asm.RET, x86asm.LRET, x86asm.CALL, x86asm.JMP, x86asm.INT, x86asm.SYSCALL:
			return 0, false
		}
		for _, arg := range inst.Args {
			if m, isMem := arg.(x86asm.Mem); isMem && m.Base == x86asm.RIP {
				return 0, false
			}
		}
		length += inst.Len
	}
	return length, true
}
