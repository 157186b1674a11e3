package memfs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"slices"
	"testing"
)

var errBroken = errors.New("broken")

// must gives a value that could not fail.
func must[T any](t *testing.T) func(value T, err error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// setup makes a disk with a durable file a of 2,000 times x in directory d.
func setup(t *testing.T, seed uint64) (*Disk, *FS, File) {
	t.Helper()
	disk := New(seed)
	f := disk.Mount()
	ok(t, f.MakeDir("/x/d"))
	a := must[File](t)(f.Create("/x/d/a"))
	must[int](t)(a.WriteAt(bytes.Repeat([]byte("x"), 2000), 0))
	ok(t, a.Sync())
	ok(t, f.SyncDir("/x/d"))
	return disk, f, a
}

func content(t *testing.T, f *FS, name string) []byte {
	t.Helper()
	file := must[File](t)(f.Open(name))
	size := must[int64](t)(file.Size())
	b := make([]byte, size)
	if n, err := file.ReadAt(b, 0); n != len(b) || err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("read %d of %d: %v", n, len(b), err)
	}
	ok(t, file.Close())
	return b
}

func TestCrashLosesWhatWasNotSynced(t *testing.T) {
	cases := []struct {
		name   string
		change func(t *testing.T, f *FS, a File)
		loss   Loss
		names  []string
		size   int // of a
	}{
		{"nothing changed", func(*testing.T, *FS, File) {}, LoseAll, []string{"a"}, 2000},
		{"write", func(t *testing.T, _ *FS, a File) { must[int](t)(a.WriteAt([]byte("yy"), 1999)) }, LoseAll, []string{"a"}, 2000},
		{"write kept", func(t *testing.T, _ *FS, a File) { must[int](t)(a.WriteAt([]byte("yy"), 1999)) }, LoseNone, []string{"a"}, 2001},
		{"write synced", func(t *testing.T, _ *FS, a File) {
			must[int](t)(a.WriteAt([]byte("yy"), 2100))
			ok(t, a.Sync())
		}, LoseAll, []string{"a"}, 2102},
		{"truncate", func(t *testing.T, _ *FS, a File) { ok(t, a.Truncate(10)) }, LoseAll, []string{"a"}, 2000},
		{"truncate synced", func(t *testing.T, _ *FS, a File) {
			ok(t, a.Truncate(10))
			ok(t, a.Sync())
		}, LoseAll, []string{"a"}, 10},
		{"create synced as a file only", func(t *testing.T, f *FS, _ File) {
			ok(t, must[File](t)(f.Create("/x/d/b")).Sync())
		}, LoseAll, []string{"a"}, 2000},
		{"create synced as a name", func(t *testing.T, f *FS, _ File) {
			must[File](t)(f.Create("/x/d/b"))
			ok(t, f.SyncDir("/x/d"))
		}, LoseAll, []string{"a", "b"}, 2000},
		{"create over a file", func(t *testing.T, f *FS, _ File) { must[File](t)(f.Create("/x/d/a")) }, LoseAll, []string{"a"}, 2000},
		{"create over a file kept", func(t *testing.T, f *FS, _ File) { must[File](t)(f.Create("/x/d/a")) }, LoseNone, []string{"a"}, 0},
		{"rename", func(t *testing.T, f *FS, _ File) { ok(t, f.Rename("/x/d/a", "/x/d/c")) }, LoseAll, []string{"a"}, 2000},
		{"rename to itself", func(t *testing.T, f *FS, _ File) { ok(t, f.Rename("/x/d/a", "/x/d/a")) }, LoseNone, []string{"a"}, 2000},
		{"remove", func(t *testing.T, f *FS, _ File) { ok(t, f.Remove("/x/d/a")) }, LoseAll, []string{"a"}, 2000},
		{"remove and make again", func(t *testing.T, f *FS, _ File) {
			ok(t, f.Remove("/x/d/a"))
			must[File](t)(f.Create("/x/d/a"))
		}, LoseNone, []string{"a"}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			disk, f, a := setup(t, 1)
			c.change(t, f, a)
			disk.Crash(c.loss)
			f = disk.Mount()
			if names := must[[]string](t)(f.List("/x/d")); !slices.Equal(names, c.names) {
				t.Fatalf("names %v, want %v", names, c.names)
			}
			if b := content(t, f, "/x/d/a"); len(b) != c.size {
				t.Fatalf("a has %d bytes, want %d", len(b), c.size)
			}
		})
	}
}

func TestRenameIsOneChange(t *testing.T) {
	for seed := range uint64(50) {
		disk, f, _ := setup(t, seed)
		ok(t, f.Rename("/x/d/a", "/x/d/b"))
		disk.Crash(Tear)
		names := must[[]string](t)(disk.Mount().List("/x/d"))
		if !slices.Equal(names, []string{"a"}) && !slices.Equal(names, []string{"b"}) {
			t.Fatalf("seed %d: names %v", seed, names)
		}
	}
}

func TestTearIsBySector(t *testing.T) {
	mixed := 0
	for seed := range uint64(50) {
		disk, _, a := setup(t, seed)
		must[int](t)(a.WriteAt(bytes.Repeat([]byte("y"), 2000), 0))
		disk.Crash(Tear)
		b := content(t, disk.Mount(), "/x/d/a")
		kinds := map[byte]bool{}
		for start := 0; start < len(b); start += SectorBytes {
			sector := b[start:min(start+SectorBytes, len(b))]
			if bytes.Count(sector, sector[:1]) != len(sector) {
				t.Fatalf("seed %d: the sector at %d is torn inside", seed, start)
			}
			kinds[sector[0]] = true
		}
		if len(kinds) > 1 {
			mixed++
		}
	}
	if mixed == 0 {
		t.Fatal("no crash of 50 tore the write")
	}
}

func TestLoseTailKeepsOrder(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(50) {
		disk, _, a := setup(t, seed)
		ok(t, a.Truncate(0))
		must[int](t)(a.WriteAt([]byte("1"), 0))
		must[int](t)(a.WriteAt([]byte("2"), 1))
		disk.Crash(LoseTail)
		seen[string(content(t, disk.Mount(), "/x/d/a"))] = true
	}
	delete(seen, string(bytes.Repeat([]byte("x"), 2000)))
	for _, want := range []string{"", "1", "12"} {
		if !seen[want] {
			t.Errorf("%q never survived", want)
		}
		delete(seen, want)
	}
	if len(seen) > 0 {
		t.Errorf("survived out of order: %v", seen)
	}
}

func TestSameSeedSameCrash(t *testing.T) {
	run := func() []byte {
		disk, _, a := setup(t, 7)
		must[int](t)(a.WriteAt(bytes.Repeat([]byte("y"), 9000), 0))
		disk.Crash(Tear)
		return content(t, disk.Mount(), "/x/d/a")
	}
	if !bytes.Equal(run(), run()) {
		t.Fatal("two runs of one seed differ")
	}
}

func TestDeadIncarnationDoesNothing(t *testing.T) {
	disk, f, a := setup(t, 1)
	lock := must[io.Closer](t)(f.Lock("/x/d"))
	disk.Crash(LoseAll)
	next := disk.Mount()
	calls := map[string]func() error{
		"makedir":  func() error { return f.MakeDir("/y") },
		"lock":     func() error { _, err := f.Lock("/x/d"); return err },
		"unlock":   lock.Close,
		"list":     func() error { _, err := f.List("/x/d"); return err },
		"create":   func() error { _, err := f.Create("/x/d/b"); return err },
		"open":     func() error { _, err := f.Open("/x/d/a"); return err },
		"rename":   func() error { return f.Rename("/x/d/a", "/x/d/b") },
		"remove":   func() error { return f.Remove("/x/d/a") },
		"syncdir":  func() error { return f.SyncDir("/x/d") },
		"read":     func() error { _, err := a.ReadAt(make([]byte, 1), 0); return err },
		"write":    func() error { _, err := a.WriteAt([]byte("z"), 0); return err },
		"size":     func() error { _, err := a.Size(); return err },
		"truncate": func() error { return a.Truncate(0) },
		"sync":     a.Sync,
		"close":    a.Close,
	}
	before := disk.Calls()
	for name, call := range calls {
		if err := call(); !errors.Is(err, ErrCrashed) {
			t.Errorf("%s of a dead incarnation: %v", name, err)
		}
	}
	if got := disk.Calls(); got != before {
		t.Errorf("dead calls were counted: %d, before %d", got, before)
	}
	must[io.Closer](t)(next.Lock("/x/d"))
	if b := content(t, next, "/x/d/a"); !bytes.Equal(b, bytes.Repeat([]byte("x"), 2000)) {
		t.Error("a dead incarnation changed the file")
	}
}

func TestKillLosesNothing(t *testing.T) {
	disk, f, a := setup(t, 1)
	must[int](t)(a.WriteAt([]byte("y"), 2000))
	must[File](t)(f.Create("/x/d/b"))
	disk.Kill()
	f = disk.Mount()
	if b := content(t, f, "/x/d/a"); len(b) != 2001 {
		t.Fatalf("%d bytes after a kill, want 2001", len(b))
	}
	// What a kill spared is still not durable.
	disk.Crash(LoseAll)
	f = disk.Mount()
	if names := must[[]string](t)(f.List("/x/d")); !slices.Equal(names, []string{"a"}) {
		t.Fatalf("names %v", names)
	}
}

func TestHookDecides(t *testing.T) {
	t.Run("crash in a write", func(t *testing.T) {
		disk, _, a := setup(t, 1)
		disk.SetHook(func(call Call) Fate { return Fate{Crash: call.Op == OpWrite, Loss: LoseNone} })
		if _, err := a.WriteAt([]byte("y"), 0); !errors.Is(err, ErrCrashed) {
			t.Fatalf("write: %v", err)
		}
		disk.SetHook(nil)
		if b := content(t, disk.Mount(), "/x/d/a"); b[0] != 'y' {
			t.Error("a crash that loses nothing lost the write")
		}
	})
	t.Run("crash in a sync", func(t *testing.T) {
		disk, _, a := setup(t, 1)
		must[int](t)(a.WriteAt([]byte("y"), 0))
		disk.SetHook(func(call Call) Fate { return Fate{Crash: call.Op == OpSync, Loss: LoseAll} })
		if err := a.Sync(); !errors.Is(err, ErrCrashed) {
			t.Fatalf("sync: %v", err)
		}
		disk.SetHook(nil)
		if b := content(t, disk.Mount(), "/x/d/a"); b[0] != 'x' {
			t.Error("a sync that never ended made the write durable")
		}
	})
	t.Run("crash by the hook itself", func(t *testing.T) {
		disk, _, a := setup(t, 1)
		disk.SetHook(func(Call) Fate { disk.Crash(LoseAll); return Fate{} })
		if _, err := a.Size(); !errors.Is(err, ErrCrashed) {
			t.Fatalf("size: %v", err)
		}
	})
	t.Run("a failed sync loses its bytes silently", func(t *testing.T) {
		disk, f, a := setup(t, 1)
		must[int](t)(a.WriteAt([]byte("y"), 0))
		disk.SetHook(func(call Call) Fate {
			if call.Op == OpSync {
				return Fate{Err: errBroken}
			}
			return Fate{}
		})
		if err := a.Sync(); !errors.Is(err, errBroken) {
			t.Fatalf("sync: %v", err)
		}
		disk.SetHook(nil)
		ok(t, a.Sync())
		if b := content(t, f, "/x/d/a"); b[0] != 'y' {
			t.Error("the bytes are not visible any more")
		}
		disk.Crash(LoseNone)
		if b := content(t, disk.Mount(), "/x/d/a"); b[0] != 'x' {
			t.Error("the bytes were durable after all")
		}
	})
}

func TestMisuseIsRefused(t *testing.T) {
	_, f, a := setup(t, 1)
	closed := must[File](t)(f.Open("/x/d/a"))
	ok(t, closed.Close())
	cases := []struct {
		name string
		call func() error
		want error
	}{
		{"list without directory", func() error { _, err := f.List("/no"); return err }, fs.ErrNotExist},
		{"lock without directory", func() error { _, err := f.Lock("/no"); return err }, fs.ErrNotExist},
		{"create without directory", func() error { _, err := f.Create("/no/a"); return err }, fs.ErrNotExist},
		{"open without file", func() error { _, err := f.Open("/x/d/no"); return err }, fs.ErrNotExist},
		{"rename without file", func() error { return f.Rename("/x/d/no", "/x/d/b") }, fs.ErrNotExist},
		{"rename to another directory", func() error { return f.Rename("/x/d/a", "/x/a") }, fs.ErrInvalid},
		{"remove without file", func() error { return f.Remove("/x/d/no") }, fs.ErrNotExist},
		{"sync without directory", func() error { return f.SyncDir("/no") }, fs.ErrNotExist},
		{"read before the beginning", func() error { _, err := a.ReadAt(nil, -1); return err }, fs.ErrInvalid},
		{"read after the end", func() error { _, err := a.ReadAt(make([]byte, 2), 1999); return err }, io.EOF},
		{"write before the beginning", func() error { _, err := a.WriteAt(nil, -1); return err }, fs.ErrInvalid},
		{"truncate to less than nothing", func() error { return a.Truncate(-1) }, fs.ErrInvalid},
		{"read of a closed file", func() error { _, err := closed.ReadAt(nil, 0); return err }, fs.ErrClosed},
		{"sync of a closed file", closed.Sync, fs.ErrClosed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if err := c.call(); !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestLockIsExclusiveUntilClosed(t *testing.T) {
	_, f, _ := setup(t, 1)
	lock := must[io.Closer](t)(f.Lock("/x/d"))
	if _, err := f.Lock("/x/d/"); !errors.Is(err, ErrLocked) {
		t.Fatalf("second lock: %v", err)
	}
	ok(t, lock.Close())
	must[io.Closer](t)(f.Lock("/x/d"))
}
