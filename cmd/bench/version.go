package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the Makefile (-ldflags -X main.version=…).
var version string

func versionText() string {
	if info, ok := debug.ReadBuildInfo(); version == "" && ok {
		return info.Main.Version
	}
	return version
}

type versionCmd struct{}

// Run prints the version, the compiler's, and the platform.
func (versionCmd) Run() error {
	fmt.Printf("bench %s %s %s/%s\n", versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
