GO      ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
FUZZ    ?= 60s

.PHONY: build run test test-scale peers compare growth growth-guest fuzz lint clean

build: ## bin/crier, the node, and bin/bench, the load generator
	$(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/ ./cmd/crier ./cmd/bench

run: build ## a node on 127.0.0.1:8888
	bin/crier serve

test: build lint ## every test there is, with the race detector; each benchmark once
	$(GO) -C bench/peers test ./...
	$(GO) test -race -timeout 10m -bench . -benchtime 1x ./...

test-scale: ## 15,000 connections, a broadcast to all, again and again; wants the machine for itself
	CRIER_SCALE=1 $(GO) test -count 1 -timeout 10m -run TestScale -v ./bench

peers: ## bin/peers: the other servers to compare with
	$(GO) -C bench/peers build -trimpath -o $(CURDIR)/bin/peers/ ./...

compare: build peers ## Crier beside other servers, in less than 15 minutes: docs/benchmarks.md and README.md; wants the machine for itself
	$(GO) build -trimpath -o bin/compare ./bench/compare
	bin/compare --readme README.md $(COMPARE)

growth: build ## figures over connections, up to what descriptors allow, and 200,000 over several processes: docs/benchmarks.md
	$(GO) build -trimpath -o bin/growth ./bench/growth
	bin/growth $(GROWTH)
	bin/growth nodes $(NODES)

growth-guest: build ## 200,000 connections in one process, in user-mode Linux (N=… for fewer); half an hour at most
	$(GO) build -trimpath -o bin/growth ./bench/growth
	bench/guest.sh bin/guest.json || test -e bin/guest.json
	bin/growth guest bin/guest.json

fuzz: ## every fuzz target for FUZZ (60s)
	@for p in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
			echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZ) -fuzzminimizetime 20x $$p || exit 1; \
		done; \
	done

lint: ## gofmt, vet, staticcheck, govulncheck, a tidy go.mod; that it compiles elsewhere
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'gofmt -w the files above'; exit 1; }
	$(GO) mod tidy -diff
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) -C bench/peers mod tidy -diff
	$(GO) -C bench/peers vet ./...
	@out=$$($(GO) tool govulncheck ./... 2>&1) || case $$out in \
		*'fetching vulnerabilities'*) echo 'govulncheck: NOT CHECKED, its database does not answer';; \
		*) echo "$$out"; exit 1;; \
	esac
	GOOS=darwin $(GO) build ./...
	GOOS=windows $(GO) build ./...

clean:
	rm -rf bin
