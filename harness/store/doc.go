// Package store keeps one folder a run, written as the run happens:
//
//	results/<scenario>/<UTC time>-<seed>/
//	  scenario.yaml  the scenario as resolved, seed included
//	  history.jsonl  every event, on record before the operation is sent
//	  faults.jsonl   every fault with its evidence
//	  results.json   the verdict; "unknown, not finished" until there is one
//	  report.html    for a person
//	  trace.jsonl    of a simulated run: what happened inside, step by step
//	  sim.json       of a simulated run: coverage, the history's hash, a broken rule
//	  harness.log    what the harness wrote
//	  nodes/n1/      the node's log and metrics, its agent's state, when invalid its data
//
// and results/latest, a link to the newest. A run holds a lock (flock) on its
// folder's .lock while it lives.
package store
