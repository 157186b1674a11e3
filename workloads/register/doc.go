// Package register is the workload of many registers: read, write and
// compare-and-set on keys that are retired after a while, with values that are
// never written twice.
//
// A register's value is a whole number, or null before the first write. A
// compare-and-set that finds another value is ok with swapped false: it is an
// observation, not a failure.
//
// What a seed repeats, worker by worker: what is asked, the key's slot and the
// value to be written. A key's generation and the value that a compare-and-set
// expects come from outcomes.
package register
