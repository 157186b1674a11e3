// Package server runs one node: HTTP in front, the service and Raft behind.
//
// The nouns:
//
//   - A [Config] says which node it is, who its peers are and how it behaves;
//     its complaints name the flag to change.
//   - A call is one client's request on its way: an HTTP handler waits for its
//     outcome.
//   - The owner is the one goroutine that has the service. Calls, Raft's
//     answers and applied entries reach it through bounded queues, and it
//     never waits for a client.
//   - [Run] is a node's life, from opening the log to the last answer.
package server
