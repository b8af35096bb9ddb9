# Aquatint. `make demo` is the way in; `make help` lists the rest.
#
# Both `make demo` and `make test` set up what is missing first (see Scripts/setup) and work as root, with sudo, or as
# any user once everything is installed.

PREFIX ?= /usr/local
DESTDIR ?=
BUILD := .build/release

.PHONY: help demo test build setup install uninstall clean bench

help:
	@echo "make demo      set up, build, run pipelines over real photographs, say where to look"
	@echo "make test      set up, run all tests"
	@echo "make build     set up, build in release mode: .build/release/aquatint"
	@echo "make bench     time the main job beside the tools it replaces"
	@echo "make install   into PREFIX=$(PREFIX) (after make build)"

setup:
	@Scripts/setup

build: setup
	swift build -c release
	@echo "built: .build/release/aquatint" >&2

demo: build
	@Scripts/photographs
	@Scripts/demo

test:
	@Scripts/setup --tests
	swift build --build-tests
	@Scripts/test

bench: build
	@Scripts/bench

# bin/aquatint finds lib/aquatint/{plugins,openvino} and share/aquatint/{pipelines,models} from its own place, and the Swift
# run-time libraries in lib/aquatint/swift, so PREFIX may be moved as a whole.
install:
	@test -x $(BUILD)/aquatint || { echo "run 'make build' first" >&2; exit 1; }
	Scripts/install "$(DESTDIR)$(PREFIX)"

uninstall:
	rm -rf "$(DESTDIR)$(PREFIX)/lib/aquatint" "$(DESTDIR)$(PREFIX)/share/aquatint" "$(DESTDIR)$(PREFIX)/bin/aquatint"

clean:
	rm -rf .build demo
