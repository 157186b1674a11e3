// Package append is the workload of many lists: append and read on keys that
// are retired after a while, with values that are never appended twice. The
// order of a list is the witness of the order in which everything happened,
// and a list forgets nothing: a write that was lost, or that was undone and
// came back, shows in every later answer, where a register's next write would
// have hidden it.
//
// A value is a whole number. A read answers the whole list as an array,
// [] before the first append. The completion of an append that was ok holds
// the array that the append left, its own value last: that is what the node
// replied, it proves more than that the append happened, and the model holds
// the node to it. The completion of one that failed, or of which nobody knows,
// holds the value alone, as its invocation does.
//
// In a node a list is a text: each append adds its number and a comma. A text
// that no appends can have made stays a text in the history, and no order
// explains it.
//
// What a seed repeats, worker by worker: what is asked, the key's slot and the
// value to be appended. A key's generation comes from outcomes.
package append
