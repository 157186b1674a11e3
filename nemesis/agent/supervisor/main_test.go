package supervisor

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	if behaviour := os.Getenv(nodeVariable); behaviour != "" {
		act(behaviour)
		return
	}
	os.Exit(m.Run())
}
