package harness

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"crier/bench"
)

// An Origin is where figures come from: what was run, when, and of which commit.
type Origin struct {
	Args    []string  `json:"args"`   // the command line, without the program
	Commit  string    `json:"commit"` // of the programs measured
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"` // in all
}

// Commit names the commit that a build of crier is of, "with changes" if there were any that were not committed. Where the program
// does not tell, it is the commit of the working tree.
func Commit(program string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, program, "version").Output(); err == nil { // crier 1234567-dirty go1.26 …
		if f := strings.Fields(string(out)); len(f) > 1 && f[1] != "(devel)" && f[1] != "unknown" {
			rev, changed := strings.CutSuffix(f[1], "-dirty")
			return named(rev, changed)
		}
	}
	rev, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	changes, err := exec.Command("git", "status", "--porcelain").Output()
	return named(strings.TrimSpace(string(rev)), err != nil || len(changes) > 0)
}

func named(rev string, changed bool) string {
	if changed {
		return rev + " with changes"
	}
	return rev
}

// ModuleVersion returns the version of a module that a program was built with, "" if it does not tell.
func ModuleVersion(program, module string) string {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return ""
	}
	for _, d := range info.Deps {
		if d.Path == module {
			return d.Version
		}
	}
	return ""
}

// Where is the line under a table that says where its figures come from: the commit, the machine, the time.
func (o *Origin) Where(m bench.Machine) string {
	cores := "1 core"
	if m.Cores != 1 {
		cores = fmt.Sprintf("%d cores", m.Cores)
	}
	return fmt.Sprintf("Commit %s, %s UTC. %s, %s, %s of memory, %s, %s.",
		o.Commit, o.Started.UTC().Format("2006-01-02 15:04"), m.CPU, cores, Bytes(float64(m.Memory)), Kernel(m), Go(m))
}

// CommandLine is program and arguments as one would type them.
func CommandLine(program string, args []string) string {
	words := []string{program}
	for _, a := range args {
		if a == "" || strings.ContainsAny(a, " \t\n'\"\\$`{}()[]<>|&;*?#~") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// Kernel is the machine's kernel with its name.
func Kernel(m bench.Machine) string {
	if m.Kernel != "" && m.Kernel[0] >= '0' && m.Kernel[0] <= '9' {
		return "Linux " + m.Kernel
	}
	return m.Kernel
}

// Go is the machine's Go as people write it.
func Go(m bench.Machine) string {
	if v, ok := strings.CutPrefix(m.Go, "go"); ok {
		return "Go " + v
	}
	return m.Go
}
