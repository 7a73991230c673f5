# Every target installs what it needs with apt (by sudo when not root), on Debian 12 and 13.
PRESET ?= dev
BUILD := build/$(PRESET)
JOBS ?= $(shell nproc)
CPP_FILES = $(shell git ls-files '*.cc' '*.h')
# Not whatever python3 comes first in PATH: the one that Debian's packages belong to.
PYTHON := /usr/bin/python3

.PHONY: help deps build run test bench check-format format lint kafka clean

help:
	@echo 'make run           build, and start the demo'
	@echo 'make test          build, and run every test, against a real Kafka broker too'
	@echo 'make build         build into $(BUILD) (PRESET=release|asan|tsan for another)'
	@echo 'make kafka         run a real Kafka broker in the foreground, on port 9092'
	@echo 'make deps | bench | check-format | format | lint | clean'

deps:
	.ci/install-packages build run test lint

build:
	.ci/install-packages build run test
	cmake --preset $(PRESET) > /dev/null
	cmake --build $(BUILD) -j $(JOBS)

run: build
	$(BUILD)/src/kafka-http-sink demo

test: build
	ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

# The release build's throughput is measured by tests/bench, once it is there.
bench:
	@echo 'no benchmark is built yet'; exit 1

kafka:
	.ci/install-packages test
	$(PYTHON) tests/e2e/kafka/kafka.py run

check-format:
	.ci/install-packages lint
	clang-format --dry-run --Werror $(CPP_FILES)

format:
	.ci/install-packages lint
	clang-format -i $(CPP_FILES)

lint:
	.ci/install-packages build lint
	cmake --preset tidy > /dev/null
	cmake --build build/tidy -j $(JOBS)

clean:
	rm -rf build
