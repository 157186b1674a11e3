# Thin wrappers over bin/harness and the go command. `make` lists them.
SHELL := /bin/bash
GO    ?= go
TOOL  := $(GO) tool -modfile=.ci/tools/go.mod
SEED  ?=
BUGS  ?=
SEEDS ?= 5
SEEDS_GIVEN := $(filter-out file,$(origin SEEDS))
ARGS  ?=
TIME  ?=

.DEFAULT_GOAL := help
.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## bin/harness, bin/node, bin/agent and bin/sim, statically linked
	@mkdir -p bin
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/harness ./harness
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/node ./node
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/agent ./nemesis/agent
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/sim ./sim

# --- runs on Docker -------------------------------------------------------

RUN = bin/harness run $(1) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: test-partition test-kill test-pause test-clock test-append test-session test-membership test-lease test-snapshot
test-partition: build ## the main job: five nodes, a minute of load, partitions of every shape
	@$(call RUN,partition)
test-kill: build ## nodes killed with SIGKILL and restarted
	@$(call RUN,kill)
test-pause: build ## nodes stopped with SIGSTOP
	@$(call RUN,pause)
test-clock: build ## clocks that jump and run fast or slow
	@$(call RUN,clock)
test-append: build ## lists instead of registers, under partitions and kills: their order is the witness
	@$(call RUN,append)
test-session: build ## commands sent again in sessions, under partitions and kills: each is executed once
	@$(call RUN,session)
test-membership: build ## voters that come and go and leaders that hand over, under partitions
	@$(call RUN,membership)
test-lease: build ## reads by lease, under partitions, pauses and kills
	@$(call RUN,lease)
test-snapshot: build ## nodes that come back too late for the log: snapshots in many pieces
	@$(call RUN,snapshot)

# --- in the simulator, which needs no Docker ------------------------------

.PHONY: explore bugs-sim explore-exhaustive
explore: build ## 10,000 simulated tests drawn from seeds, all kinds of faults, and what they reached
	@bin/harness explore --seeds $(if $(SEEDS_GIVEN),$(SEEDS),10000) --failures 0 --coverage $(if $(SEED),--seed $(SEED)) $(ARGS)
bugs-sim: build ## every bug of bugs/ in the simulator: BUGS=a,b, three searches each, one core a search
	@bin/harness bugs --cluster sim $(if $(BUGS),--bugs $(BUGS)) --seeds $(if $(SEEDS_GIVEN),$(SEEDS),3) $(ARGS)
explore-exhaustive: build ## every state of three nodes within bounds, and the bugs that are to be found so
	@bin/harness explore --exhaustive-bugs $(ARGS)

.PHONY: mutate
mutate: build ## one condition of raft/core changed at a time: what notices? An hour or two; called again it goes on (results/mutate/)
	@nice bin/harness mutate $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: bugs
bugs: build ## every bug of bugs/ under its scenario: BUGS=a,b SEEDS=5
	@bin/harness bugs $(if $(BUGS),--bugs $(BUGS)) --seeds $(SEEDS) $(ARGS)

.PHONY: play
play: build ## three nodes and a spare by docker-compose, for curl (make play-down ends them)
	@bin/harness doctor --build-image >/dev/null
	@PARTITA_IMAGE=$$(bin/harness doctor --print-image) docker-compose -f docker/compose.yaml up -d
	@echo 'try: curl -s 127.0.0.1:8001/v1/status'
.PHONY: play-down
play-down: ## end what make play started
	@PARTITA_IMAGE=none docker-compose -f docker/compose.yaml down -v

.PHONY: clean
clean: build ## remove what killed runs left on the engine
	@bin/harness clean

# --- tests ----------------------------------------------------------------

.PHONY: test
test: build ## every test that needs no container
	$(GO) vet ./...
	$(GO) test ./...
	$(GO) test -count=1 -run Floors ./harness

.PHONY: test-race
test-race: ## the same under the race detector, which needs a C compiler (installed if missing and root)
	@command -v gcc >/dev/null || { apt-get update -qq && apt-get install -y -qq gcc libc6-dev; }
	$(GO) test -race -short ./...

.PHONY: test-docker
test-docker: build ## tests that need the engine, or root, iptables (installed if missing) and a network namespace
	@command -v iptables >/dev/null || { apt-get update -qq && apt-get install -y -qq iptables; }
	$(GO) vet -tags 'docker privileged' ./...
	$(GO) test -count=1 -tags 'docker privileged' ./docker/... ./nemesis/agent/...

.PHONY: test-browser
test-browser: ## reports opened in a headless Chromium (installed if missing and root)
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq chromium; }
	$(GO) test -count=1 -tags browser ./harness/report/...

.PHONY: lint
lint: ## gofmt, go vet, golangci-lint (with staticcheck)
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'run gofmt -w on these'; exit 1; }
	$(TOOL) golangci-lint run ./...

.PHONY: bench bench-catch-up soak-clients
bench: build ## durable puts and linearizable reads a second of three nodes on this machine
	@bin/node bench
bench-catch-up: build ## puts while a follower that missed 100,000 entries comes back by a snapshot
	@bin/node bench --catch-up $(ARGS)
soak-clients: build ## 16 clients a node for TIME (10m): do memory, goroutines, files and data level?
	@bin/node soak $(if $(TIME),--time $(TIME)) $(ARGS)

.PHONY: ci
ci: lint test test-race test-docker test-browser ## the gate: all of the above, runs end to end, and bugs that must be caught
	bin/harness explore --seeds 400 --coverage
	bin/harness explore --exhaustive --bounds votes,duplicates
	bin/harness explore --exhaustive --bug half-quorum; test $$? -eq 1
	bin/harness bugs --cluster sim --bugs vote-twice,no-dir-sync,forward-twice,joint-one-majority,transfer-keeps-lease,session-dedupe-missing --seeds 1
	bin/harness run partition --seed 1 --set time-limit=40s
	bin/harness bugs --bugs local-read --seeds 1
	bin/harness clean
