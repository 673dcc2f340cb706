# make demo     everything on this machine against a simulated gateway: a till page, a customer display, a phone's checkout
# make test     all tests; installs what they need
GO      ?= go
LINT    := $(GO) tool -modfile=.ci/tools/go.mod golangci-lint
VULN    := $(GO) tool -modfile=.ci/tools/go.mod govulncheck
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)

.PHONY: scans powercuts demo demo-once build test lint bench bench-rooms bench-idle fuzz torture soak-tills sim sim-mutants vuln setup clean

# GATEWAY=axs|axs-qr|singapay|singapay-qr: AXS's links, its codes for one wallet, or the two of SingaPay
# in rupiah.
GATEWAY ?= axs
demo: build
	bin/kiosk-demo --gateway $(GATEWAY)

demo-once: build
	bin/kiosk-demo --once --gateway $(GATEWAY)

build:
	@command -v gcc >/dev/null || { echo "gcc is missing: apt-get install gcc (SQLite is C)"; exit 1; }
	$(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/ ./cmd/...

setup:
	@.ci/setup

test: setup
	$(GO) test -timeout 20m ./...
	$(GO) test -timeout 20m -race ./payment/engine/... ./device/... ./relay/... ./sandbox/...

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "gofmt would change these files"; exit 1; }
	$(GO) mod tidy -diff
	$(GO) vet ./...
	$(LINT) run ./...

# Each row beside its floor or peer in one run, and what is worse than in the last one; writes docs/BENCHMARKS.md and a line of
# test/bench/history.jsonl. Half an hour, and 8 GB of TMPDIR for journals of a million payments. ROW=name measures one row and writes nothing; SCALE=0.1 a tenth of each. On a machine that does nothing else.
SCALE ?= 1
bench: setup
	$(GO) test ./test/bench -run '^TestRecord$$' -v -count 1 -timeout 0 -record -scale $(SCALE) $(if $(ROW),-row $(ROW),-million -publish)

# The benchmarks of the packages, five times each.
bench-rooms:
	$(GO) test -run '^$$' -bench . -benchmem -count 5 ./...

# What the agent costs while nobody buys: COUNT windows of IDLE each, after which docs/BENCHMARKS.md has the medians. As root, on Linux.
IDLE  ?= 1m
COUNT ?= 5
bench-idle:
	$(GO) test -run '^$$' -bench '^BenchmarkIdle$$' -count $(COUNT) -timeout 0 ./test/e2e -idle $(IDLE) -publish

# Each fuzz target for FUZZTIME; the seeds run in make test.
FUZZTIME ?= 20s
fuzz:
	@for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg 2>/dev/null | grep '^Fuzz'); do \
	    echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; done; done

# How often zbar and zxing read the display's codes, worn by blur, noise, tilt and light, beside those of the encoder that tries every
# mask; SCANS captures of each kind.
SCANS ?= 12
scans:
	cd ui/qr/testdata/zxing && npm ci --no-audit --no-fund
	nice $(GO) test ./ui/qr -run '^TestScans$$' -scans $(SCANS) -v -timeout 0

# Agent, relay and gateway as processes, killed with -9 while three tills sell, KILLS times; SEED=n decides as that run did. The verdict
# is said last. make test runs a small one.
KILLS ?= 50
torture:
	$(GO) test -c -o bin/e2e.test ./test/e2e
	cd test/e2e && ../../bin/e2e.test -test.run '^TestTorture$$' -test.v -test.timeout 0 -kills $(KILLS) $(if $(SEED),-seed $(SEED))

# Tills as others wrote them (test/foreign), each on a house of its own at the same time: SALES sales over all four dialects; SEED=n draws
# as that run did. make test runs 240.
SALES ?= 10000
soak-tills:
	$(GO) test ./test/foreign -run '^TestSoak$$' -v -count 1 -timeout 0 -soak $(SALES) $(if $(SEED),-soakseed $(SEED))

# The deterministic simulation (test/sim): SEEDS runs with fresh seeds, or SEED=n again with its history. The verdict is said last.
# FIRST=n plays the seeds from n on.
SEEDS ?= 1000
sim:
	$(GO) build -o bin/kiosk-sim ./test/sim/kiosk-sim
	@bin/kiosk-sim $(if $(SEED),-seed $(SEED),-seeds $(SEEDS) $(if $(FIRST),-first $(FIRST)))

# Breaks the agent on purpose in each way of test/sim/mutants_test.go; the simulation must find each, or the test that
# mutantsoftests_test.go names. make test tries some.
sim-mutants:
	$(GO) test ./test/sim -run '^TestMutantsAreCaught$$' -mutants -v -count 1 -timeout 90m

# 200 power cuts each of the journal and the relay's store, as promised and with the settings that lose facts; and each file operation of a
# journal failing in turn. make test does the same with fewer.
powercuts: setup
	$(GO) test -timeout 60m -count 1 -v ./offline -run 'TestPowerCut|TestEachFileOperationFails' -cuts 200 -faultstep 1
	$(GO) test -timeout 60m -count 1 -v ./relay/relayd -run TestPowerCut -cuts 200

# Debian packages of the three architectures, their SBOMs and checksums, in dist/: make packages ARCHS=amd64 for one.
ARCHS ?= amd64 arm64 armhf
packages:
	@.ci/setup-packages
	nice packaging/build $(ARCHS)

# A signed apt repository with SBOMs, provenance and checksums, in dist/release/: RELEASE_KEY=FILE of an OpenPGP key,
# MAINTAINER="Name <address>". packaging/release says the rest.
.PHONY: release
release:
	@.ci/setup-packages
	nice packaging/release $(ARCHS)

# The packages in a Debian of their own, with systemd as its first process: as root. RUN=TestPackages for one of the tests.
test-packages:
	@.ci/setup-packages
	nice $(GO) test ./test/packages -packages -v -timeout 60m -count 1 $(if $(RUN),-run '^$(RUN)$$')

# Windows is compiled and kept compiling.
windows:
	@.ci/setup-packages
	CGO_ENABLED=1 CC=x86_64-w64-mingw32-gcc GOOS=windows GOARCH=amd64 nice $(GO) build -trimpath -o bin/windows/ ./cmd/kiosk-agent ./cmd/kiosk-relay

# Needs the vulnerability database on the network.
vuln:
	$(VULN) ./...

clean:
	rm -rf bin dist
