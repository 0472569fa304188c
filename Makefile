# selfsame's commands. `make` alone lists them; each does its own preparation, also on a fresh machine.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The toolchain is the one in PATH and go.mod's: a build that fetches another Go would not be the one that we name.
export GOTOOLCHAIN := local

# Static, because builder B's tracer is also the probe that runs inside bare containers.
GO_BUILD = CGO_ENABLED=0 go build -trimpath -ldflags='-s -w $(STAMP)'
BUILDKIT := github.com/moby/buildkit

# The CPUs that images can be made for in an emulator: each has a small program of its own that looks around in there.
CANARIES ?= $(filter-out $(shell go env GOARCH),amd64 arm64)

# Where a test may run long (real builders, Debian packages); CI's hard limit is 90 minutes for everything.
TEST_TIMEOUT ?= 85m
TEST_FLAGS   ?=
# The two that take longest come first, or one of them would run alone at the end.
PKGS         ?= ./test/reproducibility ./test/faults ./...
# Packages that need no root, no network and no builder: the race detector runs over those in which things happen at the same time.
RACE_PKGS := ./recipes/... ./inputs/... ./compare/... ./provenance/... ./policy/... ./registry/... ./signing/... ./verify/... ./rebuild/... \
	./guard/... ./report/... ./builder/... ./internal/... ./tools/testsum

.PHONY: help
help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: deps
deps: ## install the Debian packages that builds and tests need (or say which are missing)
	@tools/deps

.PHONY: build
build: ## build everything into bin/: our commands, and BuildKit's at go.mod's version
	@mkdir -p bin
	@$(GO_BUILD) -o bin/ $(filter-out %/selfsame %/selfsame-canary %/sigstore-kms-p11,$(wildcard ./cmd/*))
	@$(GO_BUILD) -o bin/selfsame-all ./cmd/selfsame
	@$(GO_BUILD) -tags front -o bin/selfsame ./cmd/selfsame # starts in a quarter of the time, see internal/cli/handover.go
	@for arch in $(CANARIES); do GOARCH=$$arch $(GO_BUILD) -o bin/selfsame-canary-$$arch ./cmd/selfsame-canary; done
	@if command -v "$$(go env CC)" >/dev/null && [ "$$(go env GOARCH)" = "$$(go env GOHOSTARCH)" ]; then CGO_ENABLED=1 go build -trimpath -ldflags='-s -w' -o bin/ ./cmd/sigstore-kms-p11; \
	else echo "build: no C compiler, hence no bin/sigstore-kms-p11: keys on PKCS #11 tokens cannot be used" >&2; fi
	@$(MAKE) --no-print-directory buildkit

.PHONY: buildkit
buildkit: STAMP = -X $(BUILDKIT)/version.Version=$(shell go list -m -f '{{.Version}}' $(BUILDKIT))
buildkit:
	@mkdir -p bin
	@$(GO_BUILD) -o bin/ $(BUILDKIT)/cmd/buildkitd $(BUILDKIT)/cmd/buildctl

.PHONY: check
check: ## static checks, layers, generated files, unit tests with the race detector
	@RACE_PKGS='$(RACE_PKGS)' tools/check

# Nothing is vetted here: `make check` does that, with every analyzer.
.PHONY: test
test: deps build ## every test, with real builders and registries; counts what it had to skip
	@export SELFSAME_COSIGN="$$(tools/build cosign)" SELFSAME_REGISTRY="$$(tools/build registry)" SELFSAME_OLD_BUILDKITD="$$(tools/build old-buildkitd)" \
	SELFSAME_BROWSER="$$(tools/build browser)" SELFSAME_FULCIO="$$(tools/build fulcio)" SELFSAME_REKOR="$$(tools/build rekor)" \
	SELFSAME_TIMESTAMP="$$(tools/build timestamp)" SELFSAME_CONTAINERD="$$(tools/build containerd)" SELFSAME_ETCD="$$(tools/build etcd)" \
	SELFSAME_KUBE_APISERVER="$$(tools/build kube-apiserver)" SELFSAME_CONTAINERS_IMAGE="$$(tools/build containers-image)" \
	PATH="$$PWD/bin:$$PATH"; \
	go test -json -vet=off -p 2 -count=1 -timeout $(TEST_TIMEOUT) $(TEST_FLAGS) $(PKGS) | go run ./tools/testsum

.PHONY: bench
bench: deps build ## speed and memory beside stock BuildKit: medians and ratios (BENCH_FLAGS='-runs 5')
	@go run ./test/bench $(BENCH_FLAGS)

.PHONY: bench-cause
bench-cause: build ## how fast differences are found, beside diffoscope and diffoci, and how often causes are right
	@go run ./test/bench/cause $(CAUSE_FLAGS)

.PHONY: bench-trust
bench-trust: build ## what checking evidence costs, beside stock cosign (TRUST_FLAGS='-runs 5 -only many')
	@go run ./test/bench/trust $(TRUST_FLAGS)

.PHONY: bench-guard
bench-guard: build ## what a verdict costs at each gate, beside the targets: warm under an open load, cold, many images, a real API server (GUARD_FLAGS='-only node')
	@export SELFSAME_ETCD="$$(tools/build etcd)" SELFSAME_KUBE_APISERVER="$$(tools/build kube-apiserver)"; \
	go run ./test/bench/guard $(GUARD_FLAGS)

.PHONY: real
real: deps build ## build real projects twice each and write docs/explanation/real-projects.md (an hour)
	@go run ./test/real $(REAL_FLAGS)

.PHONY: demo
demo: deps build ## recipe to proven, signed, verified image, on a registry of its own
	@PATH="$$PWD/bin:$$PATH" examples/demo

.PHONY: generate
generate: ## rewrite the generated files
	@go generate ./...

.PHONY: clean
clean: ## remove what was built here (not the caches outside the tree)
	rm -rf bin selfsame-out
