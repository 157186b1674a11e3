package vdso

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"testing"
)

// ownImage copies the vDSO of the test itself.
func ownImage(t testing.TB) (image []byte, start uint64) {
	t.Helper()
	start, end, err := find(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	image = make([]byte, end-start)
	if _, err := mem.ReadAt(image, int64(start)); err != nil {
		t.Fatal(err)
	}
	return image, start
}

func TestMovable(t *testing.T) {
	for _, c := range []struct {
		name string
		code []byte
		want int
	}{
		{"push, mov, push", []byte{0x55, 0x48, 0x89, 0xe5, 0x41, 0x57, 0xc3}, 6},
		{"one long instruction", []byte{0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8}, 10},
		{"rip-relative load", []byte{0x48, 0x8b, 0x05, 1, 0, 0, 0}, 0},
		{"rip-relative lea", []byte{0x55, 0x48, 0x8d, 0x3d, 1, 0, 0, 0}, 0},
		{"conditional jump", []byte{0x55, 0x74, 0x10, 0x90, 0x90}, 0},
		{"call", []byte{0xe8, 0, 0, 0, 0}, 0},
		{"returns too soon", []byte{0x31, 0xc0, 0xc3, 0x90, 0x90}, 0},
		{"no instruction", []byte{0x06, 0x06, 0x06, 0x06, 0x06}, 0},
		{"cut short", []byte{0x55, 0x48}, 0},
		{"empty", nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, ok := movable(c.code); got != c.want || ok != (c.want > 0) {
				t.Errorf("movable says %d, %v; want %d", got, ok, c.want)
			}
		})
	}
}

// apply carries out writes on a copy of an image.
func apply(t testing.TB, image []byte, base uint64, writes []write) []byte {
	t.Helper()
	after := bytes.Clone(image)
	for _, w := range writes {
		if w.at < base || w.at+uint64(len(w.data)) > base+uint64(len(image)) {
			t.Fatalf("write of %d bytes at %#x leaves the image", len(w.data), w.at-base)
		}
		copy(after[w.at-base:], w.data)
	}
	return after
}

func TestReplaceTouchesOnlyTailAndHeads(t *testing.T) {
	image, base := ownImage(t)
	if _, found := patched(image); found {
		t.Fatal("a fresh image is taken for a patched one")
	}
	writes, at, err := replace(image, base, TrueClocks())
	if err != nil {
		t.Fatal(err)
	}
	after := apply(t, image, base, writes)
	if offset, found := patched(after); !found || uint64(offset) != at-base {
		t.Errorf("the patched image is recognised at %d, %v; want %d", offset, found, at-base)
	}
	offsets, err := locate(image)
	if err != nil {
		t.Fatal(err)
	}
	head := map[int]bool{}
	for _, o := range offsets {
		for i := range jumpSize {
			head[int(o)+i] = true
		}
	}
	for i := range image {
		if image[i] != after[i] && !head[i] && image[i] != 0 {
			t.Fatalf("byte %#x was in use and has changed", i)
		}
	}
	for name, o := range offsets {
		to := int64(o) + jumpSize + int64(int32(binary.LittleEndian.Uint32(after[o+1:])))
		if after[o] != 0xe9 || to < int64(at-base) || to >= int64(len(image)) {
			t.Errorf("%s jumps to %#x, outside the tail", name, to)
		}
	}
}

func TestReplaceFallsBackToTheSystemCall(t *testing.T) {
	image, base := ownImage(t)
	offsets, err := locate(image)
	if err != nil {
		t.Fatal(err)
	}
	// A head that loads from an address relative to itself cannot be moved.
	copy(image[offsets[heads[0]]:], []byte{0x48, 0x8b, 0x05, 1, 0, 0, 0})
	writes, at, err := replace(image, base, TrueClocks())
	if err != nil {
		t.Fatal(err)
	}
	after := apply(t, image, base, writes)
	_, system, _, _ := stubs()
	if want := text(system); !bytes.HasPrefix(after[at-base+paramsSize:], want) {
		t.Errorf("the clock is read by % x, want the system call % x", after[at-base+paramsSize:][:len(want)], want)
	}
}

func TestReplaceRefuses(t *testing.T) {
	image, base := ownImage(t)
	full := bytes.Clone(image)
	full[len(full)-1] = 1
	for _, c := range []struct {
		name  string
		image []byte
	}{
		{"no room in the tail", full},
		{"empty", nil},
		{"no ELF", make([]byte, 4096)},
		{"cut off", image[:128]},
	} {
		t.Run(c.name, func(t *testing.T) {
			if writes, _, err := replace(c.image, base, TrueClocks()); !errors.Is(err, ErrUnsupported) {
				t.Errorf("got %d writes, %v; want it refused", len(writes), err)
			}
		})
	}
}

// FuzzReplace feeds damaged images: an error or writes inside the image, never
// a panic.
func FuzzReplace(f *testing.F) {
	image, base := ownImage(f)
	f.Add(0, byte(0), len(image))
	f.Add(40, byte(0xff), len(image))
	f.Add(0x28, byte(1), 512)
	f.Fuzz(func(t *testing.T, at int, value byte, size int) {
		if size < 0 || size > len(image) || at < 0 || at >= size {
			return
		}
		damaged := bytes.Clone(image[:size])
		damaged[at] ^= value
		writes, _, err := replace(damaged, base, TrueClocks())
		if err == nil {
			apply(t, damaged, base, writes)
		}
	})
}
