// Command node is one node of the replicated key-value store, and "node
// bench" measures a cluster of three on this machine.
//
//	node --name n1 --peers n1=10.0.0.1:7000,n2=10.0.0.2:7000,n3=10.0.0.3:7000 --data /var/lib/partita
//
// It exits with 0 after SIGTERM or SIGINT, 1 when it cannot start or go on, 2
// for bad flags, and 3 after its storage failed or was found corrupt.
package main
