package vdso

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"partita/nemesis/agent/mono"
)

// maxImage bounds the vDSO's size; today's kernels map one or two pages.
const maxImage = 1 << 16

// Process is a process whose vDSO is replaced. Its methods are not to be
// called at the same time.
type Process struct {
	pid      int
	mem      *os.File
	params   uint64
	sequence byte
	version  uint64
}

// Patch replaces the clock functions of a process that runs as the given user
// and group. It has to be called on a locked thread, the one that traces the
// process, while that is stopped at its exec; one that carries our magic
// already is reused. The process's memory stays open until Close.
func Patch(pid, uid, gid int, c Clocks) (*Process, error) {
	p, err := open(pid, uid, gid, c)
	if err != nil {
		return nil, fmt.Errorf("replace the vDSO of process %d: %w", pid, err)
	}
	return p, nil
}

func open(pid, uid, gid int, c Clocks) (p *Process, err error) {
	p = &Process{pid: pid}
	var start, end uint64
	err = asUser(uid, gid, func() error {
		if start, end, err = find(pid); err != nil {
			return err
		}
		p.mem, err = os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			p.mem.Close()
		}
	}()
	image := make([]byte, end-start)
	if _, err := p.mem.ReadAt(image, int64(start)); err != nil {
		return nil, fmt.Errorf("read it: %w", err)
	}
	if offset, found := patched(image); found {
		at := image[offset:]
		p.params, p.sequence = start+uint64(offset), at[0]
		// Blocks never published count too: no version may come twice.
		for i := range blocks {
			p.version = max(p.version, binary.LittleEndian.Uint64(at[64+blockSize*i:]))
		}
		return p, p.Set(c, math.MaxInt64)
	}
	writes, at, err := replace(image, start, c)
	if err != nil {
		return nil, err
	}
	p.params, p.version = at, blocks
	for _, w := range writes {
		if err := p.write(w.at, w.data); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Set brings clocks into force before the instant of the shared clock, or
// returns ErrLate and changes nothing. Nobody is stopped and no reader sees half
// a change. After the end of the process the error is os.ErrProcessDone.
func (p *Process) Set(c Clocks, before int64) error {
	next := p.sequence + 1
	p.version++ // also when it comes to nothing: no version may come twice
	if err := p.write(p.params+64+blockSize*uint64(next%blocks), block(p.version, c)); err != nil {
		return err
	}
	if mono.Now() >= before {
		return ErrLate
	}
	p.sequence = next
	return p.write(p.params, []byte{next})
}

// Close lets go of the process's memory. What is in force stays.
func (p *Process) Close() error { return p.mem.Close() }

func (p *Process) write(at uint64, data []byte) error {
	_, err := p.mem.WriteAt(data, int64(at))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF): // its address space is gone
		return fmt.Errorf("write to process %d: %w", p.pid, os.ErrProcessDone)
	case errors.Is(err, unix.EIO) || errors.Is(err, unix.EFAULT):
		return fmt.Errorf("%w: %w (does this kernel forbid forced writes to /proc/PID/mem?)", ErrUnsupported, err)
	}
	return fmt.Errorf("write to process %d: %w", p.pid, err)
}

// find reads where a process's vDSO is mapped.
func find(pid int) (start, end uint64, err error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if !strings.HasSuffix(lines.Text(), "[vdso]") {
			continue
		}
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x", &start, &end); err != nil {
			return 0, 0, fmt.Errorf("read %q: %w", lines.Text(), err)
		}
		if end <= start || end-start > maxImage {
			return 0, 0, fmt.Errorf("%w: it is mapped from %#x to %#x", ErrUnsupported, start, end)
		}
		return start, end, nil
	}
	if err := lines.Err(); err != nil {
		return 0, 0, fmt.Errorf("read its mappings: %w", err)
	}
	return 0, 0, fmt.Errorf("%w: the process has none", ErrUnsupported)
}

// asUser runs f with a user's rights to files. Root with a listed set of
// capabilities, which lacks SYS_PTRACE, may not open the memory of another
// user's process; that user may, since this thread also traces it. The
// caller's thread is locked.
func asUser(uid, gid int, f func() error) (err error) {
	oldGID, err := become(unix.SetfsgidRetGid, gid)
	if err != nil {
		return fmt.Errorf("take the group %d: %w", gid, err)
	}
	defer func() {
		_, back := become(unix.SetfsgidRetGid, oldGID)
		err = errors.Join(err, back)
	}()
	oldUID, err := become(unix.SetfsuidRetUid, uid)
	if err != nil {
		return fmt.Errorf("take the user %d: %w", uid, err)
	}
	defer func() {
		_, back := become(unix.SetfsuidRetUid, oldUID)
		err = errors.Join(err, back)
	}()
	return f()
}

// become calls setfsuid or setfsgid, which report no errors: only a second call
// tells what is in force.
func become(set func(int) (int, error), id int) (old int, err error) {
	if old, err = set(id); err != nil {
		return old, err
	}
	if now, err := set(id); now != id || err != nil {
		return old, errors.Join(syscall.EPERM, err)
	}
	return old, nil
}
