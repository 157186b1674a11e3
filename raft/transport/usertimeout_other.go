//go:build !linux

package transport

import (
	"syscall"
	"time"
)

// userTimeout does nothing here: only a write that blocks for PeerSilence
// closes the connection.
func userTimeout(time.Duration) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, _ syscall.RawConn) error { return nil }
}
