package main

import "partita/harness/store"

func writeReport(run *store.Run, j judgement) error { return nil }
