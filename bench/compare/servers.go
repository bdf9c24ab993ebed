package main

import (
	"path/filepath"
	"slices"
	"strings"

	"crier/bench/internal/harness"
)

// A server is one that is compared: how it is started, and what the generator has to be told for it.
type server struct {
	Name    string   `json:"name"`
	Label   string   `json:"label"`             // in tables
	Version string   `json:"version,omitempty"` // of the module, or the commit
	Crier   bool     `json:"crier,omitempty"`
	Args    []string `json:"args,omitempty"`  // the program first; none for the bare write loop, which is the generator's own
	Flags   []string `json:"flags,omitempty"` // for the generator
	Query   string   `json:"query,omitempty"` // behind the URL

	module string // whose version the program tells
}

// kernel is the bare write loop: no server at all.
const kernel = "kernel"

// peers are the others. How each is set up, and why so, is told in bench/peers.
func peers(dir string) []server {
	at := func(name string) []string { return []string{filepath.Join(dir, name), "-listen", "127.0.0.1:0"} }
	return []server{
		{Name: "gorilla", Label: "gorilla/websocket, two goroutines a user", Args: at("gorilla"), module: "github.com/gorilla/websocket"},
		{Name: "gws", Label: "gws", Args: at("gws"), module: "github.com/lxzan/gws"},
		{Name: "nbio", Label: "nbio", Args: at("nbio"), module: "github.com/lesismal/nbio"},
		{Name: "coder", Label: "coder/websocket", Args: at("coder"), module: "github.com/coder/websocket"},
		{Name: "centrifuge", Label: "centrifuge", Args: at("centrifuge"), module: "github.com/centrifugal/centrifuge", Flags: []string{
			"--text", "--hello", `{"id":1,"connect":{}}`, "--envelope", `{"id":1,"publish":{"channel":"chat","data":"{}"}}`,
		}, Query: "?cf_ws_frame_ping_pong=true"}, // pings of WebSocket's own; those of its protocol may be a line in a frame with others
		{Name: kernel, Label: "bare write loop, no WebSocket"},
	}
}

// builds are the builds of crier, from [NAME=]PATH.
func builds(specs []string) []server {
	if len(specs) == 0 {
		specs = []string{"bin/crier"}
	}
	var all []server
	for _, spec := range specs {
		name, path, ok := strings.Cut(spec, "=")
		label := "Crier, " + name
		if !ok {
			name, path, label = "crier", spec, "Crier"
		}
		all = append(all, server{Name: name, Label: label, Crier: true, Args: []string{path, "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}})
	}
	return all
}

func names() []string {
	all := []string{"crier"}
	for _, s := range peers("") {
		all = append(all, s.Name)
	}
	return all
}

func (s *server) program() string {
	if len(s.Args) == 0 {
		return ""
	}
	return s.Args[0]
}

func programs(all []server) []string {
	var paths []string
	for _, s := range all {
		if p := s.program(); p != "" && !slices.Contains(paths, p) {
			paths = append(paths, p)
		}
	}
	return paths
}

// identify asks the program for its version.
func (s *server) identify() {
	switch {
	case s.Crier:
		s.Version = harness.Commit(s.program())
	case s.module != "":
		s.Version = harness.ModuleVersion(s.program(), s.module)
	}
}

// title is how a table calls the server.
func (s *server) title() string {
	switch {
	case s.Crier || s.Version == "":
		return s.Label
	default:
		name, rest, _ := strings.Cut(s.Label, ", ")
		if rest != "" {
			rest = ", " + rest
		}
		return name + " " + strings.TrimPrefix(s.Version, "v") + rest
	}
}
