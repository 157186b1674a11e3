// Package vdso skews the clocks of one unmodified process by replacing the
// functions of its vDSO, the page of code that the kernel maps into every
// process so that it can read clocks without a system call.
//
// A line says what a clock shows as a function of the true one: an instant, an
// offset and a rate. A stub is position-independent machine code that reads
// the true clock and applies the line. Its parameters stand beside it.
//
// Patch writes stub and parameters into the unused tail of the vDSO of a
// child stopped at its exec under ptrace, and a jump at the head of
// __vdso_clock_gettime, __vdso_gettimeofday and __vdso_time. The kernel then
// gives the process a private copy of those pages: no other process and no
// clock of the host changes. The first instruction of the program already sees
// the skew; later changes are two small writes and stop nobody.
//
// CLOCK_REALTIME, its coarse sister and CLOCK_TAI follow the realtime line;
// CLOCK_MONOTONIC, its coarse and raw sisters and CLOCK_BOOTTIME the monotonic
// one. Not skewed: a program that makes the system call itself, the kernel's
// own timeouts and timestamps, CPU clocks. A fork keeps the patch, an exec
// loses it.
//
// It works on amd64. Elsewhere, and where a kernel leaves no room or forbids
// the writes, the errors say so.
package vdso
