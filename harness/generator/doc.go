// Package generator schedules operations, and is pure: it reads no clock and
// no global randomness.
//
// A Worker plays successive processes; its role says what it asks and its node
// where it stays. A Generator gives each worker its next operation. A Pace says
// when that is to begin: a Rate draws it, and a Script, which is a Generator
// too, has all of it written down. Slots turn key slots into keys: slot
// 4 in its generation 2 is the key k4.2.
//
// Every worker has random sources of its own, derived from the run's seed, so
// no worker's stream depends on how the others interleave with it. What a seed
// repeats, worker by worker, is the stream of what is asked (f), of key slots,
// of values and of intervals. It does not repeat a key's generation nor the
// value that a compare-and-set expects: these come from outcomes.
package generator
