// Command harness runs clusters under faults and judges what their clients
// saw. `harness help` lists what it does.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program: arguments in, exit status out.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	ctx, stop := interruptible(ctx, stderr)
	defer stop()
	root := command(stdout)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var e *exitError
	if err != nil && (!errors.As(err, &e) || e.err != nil) {
		fmt.Fprintln(stderr, "harness:", err)
	}
	return statusOf(err)
}

func command(stdout io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:           "harness",
		Short:         "find consistency bugs in a Raft cluster",
		Long:          "Runs a Raft cluster in containers, or in a simulator, under faults and decides whether what its clients saw is linearizable.\n\nExit status: 0 valid, 1 invalid, 2 unknown, 254 bad arguments or scenario, 255 the harness or the cluster broke.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(runCommand(stdout), checkCommand(stdout), reportCommand(stdout), listCommand(stdout),
		exploreCommand(stdout), shrinkCommand(stdout), bugsCommand(stdout), mutateCommand(stdout), doctorCommand(stdout), cleanCommand(stdout))
	return root
}
