// Command sim runs clusters in simulated time: the parts that ship, on a
// simulated network, disk and clock. `harness run --cluster sim`, `harness
// explore`, `harness shrink` and `harness bugs --cluster sim` call it; it links the
// system under test, which the harness never does.
//
// Exit status: 0 nothing was found wrong, 1 a rule was broken or a seed failed,
// 2 a search ended before it had seen all that was asked for, or there was
// nothing to shrink, 254 bad arguments, 255 it broke itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

// The exit statuses beside 0.
const (
	exitFound  = 1
	exitPasses = 2
	exitUsage  = 254
	exitBroken = 255
)

// gcPercent lets the heap grow: a run lives for less than a second, and what
// it made is garbage all at once. The environment's GOGC goes first.
const gcPercent = 800

// errFound says that something was found wrong, which has been told.
var errFound = errors.New("found")

// passes says that a scenario that was to be shrunk does not fail.
type passes struct{ error }

// usageError is a complaint about the command line.
type usageError struct{ error }

// arguments makes a complaint about arguments one about the command line.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program: arguments in, exit status out.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use: "sim", Short: "run clusters in simulated time", SilenceUsage: true, SilenceErrors: true,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(runCommand(stdout), exploreCommand(stdout), exhaustiveCommand(stdout), shrinkCommand(stdout))
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var usage usageError
	var nothing passes
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errFound):
		return exitFound
	case errors.Is(err, errOpen):
		return exitOpen
	case errors.As(err, &nothing):
		fmt.Fprintln(stderr, "sim:", err)
		return exitPasses
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "sim:", err)
		return exitUsage
	}
	fmt.Fprintln(stderr, "sim:", err)
	return exitBroken
}
