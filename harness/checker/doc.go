// Package checker judges what a run recorded.
//
// A verdict is valid, unknown or invalid; composing verdicts takes the worst,
// and unknown is never reported as valid. A checker is a function from the
// record to a Result: Linearizable asks whether any correct object could have
// answered like that, key by key; Stats, Faults, Crashes and Availability ask
// whether enough happened, whether the faults were real, whether nodes stayed
// alive and whether the cluster came back. A Failure is a key that no order of
// its operations explains, with its smallest failing sub-history.
package checker
