//go:build !amd64

package vdso

import (
	"fmt"
	"runtime"
)

// Process is a process whose vDSO is replaced. There is none here.
type Process struct{}

// Patch refuses: the stub exists for amd64 only.
func Patch(pid, uid, gid int, c Clocks) (*Process, error) {
	return nil, fmt.Errorf("replace the vDSO of process %d: %w on %s, only on amd64", pid, ErrUnsupported, runtime.GOARCH)
}

// Set refuses.
func (p *Process) Set(c Clocks, before int64) error { return ErrUnsupported }

// Close does nothing.
func (p *Process) Close() error { return nil }
