# Everything a developer calls. `make help` lists it.
SHELL := /bin/bash
TOOL := go tool -modfile=tools.mod

.DEFAULT_GOAL := help
.PHONY: help demo demo-reset test test-versions bench generate lint

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: ## a whole world to try Keepsake in (WEDDINGS=2000, SIZE=large, PORT=8080)
	@KEEPSAKE_SETUP=server bash scripts/setup.sh
	@mkdir -p .demo/bin && go build -o .demo/bin/demo ./cmd/demo
	@.demo/bin/demo

demo-reset: ## forget the demo's world
	@test ! -e .demo || flock -n .demo/lock rm -rf .demo || { \
		echo 'The demo is running: stop it first, with Ctrl-C where it runs.'; exit 1; }

test: ## everything, unit to browser
	@bash scripts/setup.sh
	go test -race -vet=off -shuffle=on -timeout 40m ./... # make lint vets

test-versions: ## what depends on versions, beside PostgreSQL 17 and 18, and 15 restored there (RUN=. is every test)
	@bash scripts/test-versions.sh '$(RUN)'

bench: ## Keepsake beside pg_dump, pg_restore and pgBackRest, and its console under load, as tables
	@KEEPSAKE_SETUP=bench bash scripts/setup.sh
	go run ./cmd/bench

generate: ## templ, sqlc, the API's document and its client
	$(TOOL) templ generate -path views
	CGO_ENABLED=0 $(TOOL) sqlc generate # without cgo it parses by WebAssembly: its C takes minutes to compile
	KEEPSAKE_UPDATE=1 go test ./web -run TestTheDocumentIsFresh
	$(TOOL) oapi-codegen -config internal/apiclient/generate.yaml docs/openapi.json

lint: ## gofmt and golangci-lint
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	go tool -modfile=lint.mod golangci-lint run ./...
