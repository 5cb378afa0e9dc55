SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
TOOL := go tool -modfile=$(CURDIR)/tools/go.mod
NESTED := $(patsubst %/go.mod,%,$(shell find * -mindepth 1 -name go.mod | sort))

.PHONY: test lint fmt bench api check

test: # what a user runs
	go test ./...

lint: # every module, nested ones too
	unformatted=$$($(TOOL) gofumpt -l .); echo "$$unformatted"; test -z "$$unformatted"
	for module in . $(NESTED); do (cd $$module && go vet ./... && $(TOOL) golangci-lint run --allow-serial-runners); done

fmt:
	$(TOOL) golangci-lint fmt

bench:
	go test -run '^$$' -bench . -benchmem -count 6 ./... | tee bench.out
	$(TOOL) benchstat bench.out

api: # a change of the exported API is a diff of api.txt
	go -C tools run ./api .. > api.txt.new && mv api.txt.new api.txt

check: lint
	awk 'FNR > 40 { print FILENAME ": more than 40 lines"; bad = 1 } END { exit bad }' docs/adr/*.md
	go mod tidy -diff
	go -C tools run ./api .. | diff -u api.txt - || { echo "the API has changed: make api"; exit 1; }
	.ci/cover 90 middleware auth
