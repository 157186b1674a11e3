// Package children starts, signals and reaps all child processes of the agent,
// on one thread.
//
// As PID 1 of a container the agent is the parent of every orphan, so somebody
// has to wait for any child at all; and he who waits for any child takes the
// exits, and the stops under ptrace, that others wait for. Ptrace in turn
// obeys only the thread that started the child. Hence one owner: a goroutine
// locked to its thread, which alone forks, traces, waits and, since a number
// is free for reuse only after the wait, signals.
package children
