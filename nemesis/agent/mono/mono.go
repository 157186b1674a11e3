// Package mono reads the clocks that all containers and the harness share,
// in nanoseconds, by system call: nothing that was done to a process's own
// clocks changes what it reads.
package mono

import "golang.org/x/sys/unix"

// Now is CLOCK_MONOTONIC in nanoseconds since the host booted.
func Now() int64 { return read(unix.CLOCK_MONOTONIC) }

// Realtime is CLOCK_REALTIME in nanoseconds since 1970.
func Realtime() int64 { return read(unix.CLOCK_REALTIME) }

func read(clock int32) int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		panic("invariant clock-readable: " + err.Error())
	}
	return ts.Nano()
}
