package memfs

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
)

// SectorBytes is what the disk writes whole or not at all, in bytes.
const SectorBytes = 512

// ErrCrashed is returned by every call of an incarnation that has ended.
var ErrCrashed = errors.New("memfs: this incarnation has crashed")

// ErrLocked is returned by Lock when the incarnation holds the directory
// already.
var ErrLocked = errors.New("memfs: the directory is locked")

// Loss says how much of what was not synced a crash takes.
type Loss uint8

// The losses.
const (
	// LoseAll takes everything that was not synced.
	LoseAll Loss = iota
	// LoseNone takes nothing: all had reached the disk by luck.
	LoseNone
	// LoseTail leaves of each file and each directory its first changes, as
	// many as the seed says.
	LoseTail
	// Tear decides for each sector, each size and each name apart.
	Tear
)

// Losses lists all losses, for tests that try each.
func Losses() []Loss { return []Loss{LoseAll, LoseNone, LoseTail, Tear} }

// Op is a kind of call.
type Op string

// The kinds of calls.
const (
	OpMakeDir  Op = "makedir"
	OpLock     Op = "lock"
	OpList     Op = "list"
	OpCreate   Op = "create"
	OpOpen     Op = "open"
	OpRename   Op = "rename"
	OpRemove   Op = "remove"
	OpSyncDir  Op = "syncdir"
	OpRead     Op = "read"
	OpWrite    Op = "write"
	OpSize     Op = "size"
	OpTruncate Op = "truncate"
	OpSync     Op = "sync"
	OpClose    Op = "close"
)

// Call is one call, before it happens. Number counts the calls of the disk
// from 1.
type Call struct {
	Number int
	Op     Op
	Name   string
}

// Fate is what becomes of a call. The zero value lets it happen.
type Fate struct {
	// Crash ends the incarnation in the middle of the call: a change was made
	// and not synced, a sync has not finished.
	Crash bool
	Loss  Loss
	// Err makes the call fail without effect; a failed sync moreover loses
	// its bytes.
	Err error
}

// Hook decides the fate of each call. It is called without any lock held, in
// the caller's goroutine, and may crash the disk itself.
type Hook func(Call) Fate

// Disk is a medium that outlives crashes. It is safe for concurrent use;
// with calls from one goroutine it is deterministic.
type Disk struct {
	mu    sync.Mutex // never held while a hook runs
	rng   *rand.Rand
	dirs  map[string]*directory
	hook  Hook
	calls int
	mount *FS
	taken Taken
}

// Taken is what crashes took of what was not synced, in whole or in part.
type Taken struct {
	Writes int // writes and truncations of files
	Names  int // creations, renames and removals
}

// New makes an empty disk. The seed decides what crashes leave.
func New(seed uint64) *Disk {
	return &Disk{
		rng:  rand.New(rand.NewPCG(seed, 0x6d656d6673)),
		dirs: map[string]*directory{".": newDirectory(), "/": newDirectory()},
	}
}

// Mount begins a new incarnation. One that still lives ends as by Kill.
func (d *Disk) Mount() *FS {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mount = &FS{disk: d, locks: map[string]bool{}}
	return d.mount
}

// SetHook makes hook see every call from now on; nil for none.
func (d *Disk) SetHook(hook Hook) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hook = hook
}

// Calls is how many calls there have been.
func (d *Disk) Calls() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls
}

// Taken is what all crashes so far have taken.
func (d *Disk) Taken() Taken {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.taken
}

// Kill ends the incarnation as kill -9 does: the operating system lives on
// and loses nothing.
func (d *Disk) Kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mount = nil
}

// Crash ends the incarnation as a power loss does.
func (d *Disk) Crash(loss Loss) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.crash(loss)
}

func (d *Disk) crash(loss Loss) {
	d.mount = nil
	seen := map[*node]bool{}
	for _, name := range slices.Sorted(maps.Keys(d.dirs)) {
		dir := d.dirs[name]
		d.taken.Names += dir.crash(loss, d.rng)
		for _, file := range slices.Sorted(maps.Keys(dir.durable)) {
			if n := dir.durable[file]; !seen[n] {
				seen[n] = true
				d.taken.Writes += n.crash(loss, d.rng)
			}
		}
	}
}
