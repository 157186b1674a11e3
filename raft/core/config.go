package core

import "fmt"

// MaxMembers bounds a cluster, learners included.
const MaxMembers = 64

// Validate says what is wrong with a configuration, or nil.
func (c Config) Validate() error {
	if c.ID == None {
		return fmt.Errorf("core: ID is zero; member IDs start at 1")
	}
	if len(c.Voters) == 0 || len(c.Voters) > MaxMembers {
		return fmt.Errorf("core: %d voters; 1 to %d are allowed", len(c.Voters), MaxMembers)
	}
	member := false
	for i, id := range c.Voters {
		if id == None || i > 0 && id <= c.Voters[i-1] {
			return fmt.Errorf("core: voters %v must be sorted, distinct and not zero", c.Voters)
		}
		member = member || id == c.ID
	}
	if !member {
		return fmt.Errorf("core: member %d is not among the voters %v", c.ID, c.Voters)
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
	return nil
}
