package play

import (
	"testing"
	"time"

	"partita/harness/scenario"
)

// BenchmarkRun is a run of five nodes at 200 operations a simulated second.
func BenchmarkRun(b *testing.B) {
	for _, faults := range []string{"[]", "[partition: {}]"} {
		b.Run("faults="+faults, func(b *testing.B) {
			var simulated time.Duration
			for i := range b.N {
				s, err := scenario.Load("partition",
					scenario.Override{Flag: "--set", Path: "nemesis", Value: faults},
					scenario.Override{Flag: "--set", Path: "workload.rate", Value: "200"})
				if err != nil {
					b.Fatal(err)
				}
				s.Seed = int64(i + 1)
				setup, err := FromScenario(s)
				if err != nil {
					b.Fatal(err)
				}
				o, err := Run(setup)
				if err != nil || o.Violation != nil {
					b.Fatal(err, o.Violation)
				}
				simulated += o.Lasted
			}
			b.ReportMetric(simulated.Seconds()/b.Elapsed().Seconds(), "simulated-s/s")
		})
	}
}
