# Every goal sets up what it needs; see README.md.
.PHONY: run test nightly sanitize fuzz build install uninstall golden bench bench-broker deps check format

# Where `make install` puts things; DESTDIR stands in front of it while a package is made.
PREFIX ?= /usr/local

run: deps ## build, run the flight delays job on its data, print its result
	scripts/run-flights

test: deps ## the whole suite
	scripts/test

nightly: deps ## the whole suite with many more crash states and kills
	MILLRACE_SCALE=$${MILLRACE_SCALE:-10} MILLRACE_KILLS=$${MILLRACE_KILLS:-200} scripts/test

sanitize: deps ## the suite under the address and the thread sanitizer
	scripts/sanitize

fuzz: deps ## libFuzzer over every reader of bytes from outside, SECONDS_EACH (150) each
	scripts/fuzz all $${SECONDS_EACH:-150}

build: deps ## the release binary: .build/release/millrace
	scripts/build

install: build ## the program, completions and what jobs are built with, below $(PREFIX)
	scripts/install "$(DESTDIR)$(PREFIX)"

uninstall: ## takes away what `make install` put there
	scripts/install --remove "$(DESTDIR)$(PREFIX)"

golden: deps ## every golden vector under $MILLRACE_GOLDEN
	swift build --product millrace-golden
	.build/debug/millrace-golden

bench: build ## the throughput benchmarks, as a table
	scripts/bench

bench-broker: build ## the listener beside Kafka's broker, which $MILLRACE_KAFKA starts, as a table
	scripts/interop-deps
	scripts/bench-broker.py

deps: ## the C libraries that the package links, once
	scripts/deps

check: deps ## format and tests, as before a commit
	scripts/check

format: ## rewrites the sources in the house format
	scripts/format
