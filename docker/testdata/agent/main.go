// Package main stands in for the agent in tests of package docker: it owns the
// data directory, starts the node as its user and answers for its state.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"syscall"

	"partita/nemesis/wire"
)

func main() {
	if err := run(os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1)
	}
}

func run(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var config wire.Config
	if err := json.Unmarshal(text, &config); err != nil {
		return err
	}
	if err := os.Chown(config.Data, config.UID, config.UID); err != nil {
		return err
	}
	node := exec.Command(config.Command[0], config.Command[1:]...)
	node.Stdout, node.Stderr = os.Stdout, os.Stderr
	id := uint32(config.UID)
	node.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: id, Gid: id}}
	if err := node.Start(); err != nil {
		return err
	}
	http.HandleFunc("GET "+wire.PathState, func(w http.ResponseWriter, r *http.Request) {
		reply(w, r, config, wire.State{Node: config.Node, PID: node.Process.Pid})
	})
	// A drop comes back as its rules, so that a test sees what went over.
	http.HandleFunc("POST "+wire.PathDrop, func(w http.ResponseWriter, r *http.Request) {
		var drop wire.Drop
		if err := json.NewDecoder(r.Body).Decode(&drop); err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
		reply(w, r, config, drop)
	})
	return http.ListenAndServe(fmt.Sprintf(":%d", config.AgentPort), nil)
}

func reply(w http.ResponseWriter, r *http.Request, config wire.Config, answer any) {
	if r.Header.Get("Authorization") != "Bearer "+config.Token {
		w.WriteHeader(http.StatusUnauthorized)
		answer = wire.Error{Message: "wrong token"}
	}
	_ = json.NewEncoder(w).Encode(answer)
}
