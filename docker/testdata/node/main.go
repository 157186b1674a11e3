// Package main stands in for the node in tests of package docker: it notes its
// starts in its data directory and tells clients who and where it is, and which
// of its peers it reaches. Its arguments are its data directory and its peers.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		os.Exit(1)
	}
}

func run(data string, peers []string) error {
	boots, err := os.OpenFile(filepath.Join(data, "boots"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := boots.WriteString("boot\n"); err != nil {
		return err
	}
	if _, err := net.Listen("tcp", ":7000"); err != nil {
		return err
	}
	http.HandleFunc("/about", func(w http.ResponseWriter, _ *http.Request) {
		host, _ := os.Hostname()
		status, _ := os.ReadFile("/proc/self/status")
		answer := map[string]any{"hostname": host, "uid": os.Getuid(), "first": os.Getppid() == 1, "status": string(status)}
		var reached []string
		for _, p := range peers {
			if conn, err := net.DialTimeout("tcp", p, time.Second); err == nil {
				conn.Close()
				reached = append(reached, p)
			}
		}
		answer["reached"] = strings.Join(reached, " ")
		_ = json.NewEncoder(w).Encode(answer)
	})
	return http.ListenAndServe(":8000", nil)
}
