package core

import (
	"fmt"
	"slices"
)

// MaxMembers bounds a cluster, learners included.
const MaxMembers = 64

// Validate says what is wrong with a configuration, or nil.
func (c Config) Validate() error {
	if c.ID == None {
		return fmt.Errorf("core: ID is zero; member IDs start at 1")
	}
	if err := (Membership{Voters: c.Voters}).Validate(); err != nil {
		return err
	}
	if len(c.Voters) > 0 && !slices.Contains(c.Voters, c.ID) {
		return fmt.Errorf("core: member %d is not among the voters %v; one that is to be added later has no voters", c.ID, c.Voters)
	}
	if c.Heartbeat <= 0 || c.ElectionTimeout <= c.Heartbeat {
		return fmt.Errorf("core: need 0 < heartbeat (%d ns) < election timeout (%d ns)", c.Heartbeat, c.ElectionTimeout)
	}
	if c.ElectionJitter <= 0 {
		return fmt.Errorf("core: election jitter is %d ns; it must be positive, or members stand for election together", c.ElectionJitter)
	}
	if c.MaxBatch < 1 || c.MaxBatchBytes < 1 || c.MaxInflight < 1 {
		return fmt.Errorf("core: max batch (%d entries, %d bytes) and max inflight (%d) must be at least 1", c.MaxBatch, c.MaxBatchBytes, c.MaxInflight)
	}
	if c.MaxInflightBytes < 1 || c.MaxUncommittedBytes < 1 || c.SnapshotChunk < 1 {
		return fmt.Errorf("core: max inflight bytes (%d), max uncommitted bytes (%d) and snapshot chunk (%d bytes) must be at least 1",
			c.MaxInflightBytes, c.MaxUncommittedBytes, c.SnapshotChunk)
	}
	if c.MaxTailBytes < 0 {
		return fmt.Errorf("core: max tail bytes is %d; it must not be negative", c.MaxTailBytes)
	}
	if c.LeaseDriftPPM >= 1_000_000 {
		return fmt.Errorf("core: a drift of %d millionths leaves no lease; it must be below 1000000", c.LeaseDriftPPM)
	}
	return nil
}
