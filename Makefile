VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
GO      ?= go

.PHONY: build run test test-scale fuzz lint clean

build:
	$(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/crier ./cmd/crier

run: build
	bin/crier serve

test: build
	$(GO) vet ./...
	$(GO) test -race -timeout 10m ./...

clean:
	rm -rf bin
