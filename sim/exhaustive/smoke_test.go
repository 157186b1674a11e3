package exhaustive

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"
)

func TestSmoke(t *testing.T) {
	o := Options{Start: Scratch, NoPreVote: true, Batch: 4, Terms: 1, InFlight: 12, Timeouts: 3, Time: 60 * time.Second}
	if os.Getenv("E") != "" {
		o = Options{Start: Elected, NoPreVote: true, Batch: 4, Terms: 2, InFlight: 12, Timeouts: 2, Proposals: 1, Time: 60 * time.Second}
	}
	r, err := Search(context.Background(), o, func(p Progress) { fmt.Printf("%+v\n", p) })
	for _, s := range r.Path {
		fmt.Printf("%+v\n", s)
	}
	r.Path = nil
	fmt.Printf("%+v\n", r)
	if err != nil {
		t.Fatal(err)
	}
}
