package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestImports holds the house's plan: what a package may know, it may import, and nothing else.
func TestImports(t *testing.T) {
	for pkg, forbidden := range map[string][]string{
		"crier/hub":                {"net", "net/http", "golang.org/", "github.com/", "crier/"},
		"crier/netpoll":            {"net/http", "github.com/gobwas/", "github.com/prometheus/", "crier/"},
		"crier/internal/frame":     {"net/http", "github.com/mailru/", "github.com/prometheus/", "crier/"},
		"crier/internal/handshake": {"net/http", "golang.org/", "github.com/", "crier/"},
		"crier/internal/node":      {"github.com/prometheus/", "github.com/alecthomas/", "crier/internal/admin", "crier/bench"},
		"crier/internal/chat":      {"crier/"},
		// The generator talks TCP to a node, like any client.
		"crier/bench":                {"crier/hub", "crier/internal/node", "crier/internal/admin", "crier/internal/handshake", "github.com/alecthomas/", "gonum.org/"},
		"crier/bench/internal/fleet": {"crier/hub", "crier/internal/node", "crier/internal/admin", "crier/internal/handshake", "github.com/prometheus/", "gonum.org/"},
		"crier/bench/report":         {"crier/hub", "crier/internal/", "crier/netpoll"},
	} {
		out, err := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, pkg).Output()
		if err != nil {
			t.Fatalf("%s: %v", pkg, err)
		}
		if len(out) == 0 {
			t.Errorf("%s imports nothing: the test is blind", pkg)
		}
		for _, imp := range strings.Fields(string(out)) {
			if imp == "crier/internal/fault" {
				continue // the seam for tests, which imports nothing
			}
			for _, f := range forbidden {
				if imp == f || strings.HasSuffix(f, "/") && strings.HasPrefix(imp, f) {
					t.Errorf("%s imports %s", pkg, imp)
				}
			}
		}
	}
}
