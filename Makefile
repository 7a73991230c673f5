# Every target installs what it needs with apt (by sudo when not root), on Debian 12 and 13.
PRESET ?= dev
BUILD := build/$(PRESET)
JOBS ?= $(shell nproc)
CPP_FILES = $(shell git ls-files '*.cc' '*.h')
# Not whatever python3 comes first in PATH: the one that Debian's packages belong to.
PYTHON := /usr/bin/python3

# The Debian that the image is built on, and that check-debian makes: trixie or bookworm.
RELEASE ?= trixie
# Owners, mounts and containers are for root to make.
AS_ROOT := $(if $(filter-out 0,$(shell id -u)),sudo,)

.PHONY: help deps build run test k8s bench chaos soak sanitize valgrind coverage fuzz check-format format lint kafka image image-test check-debian clean

help:
	@echo 'make run           build, and start the demo'
	@echo 'make test          build, and run every test, against a real Kafka broker too'
	@echo 'make build         build into $(BUILD) (PRESET=release|asan|tsan for another)'
	@echo 'make k8s           render and validate k8s/ alone; nothing is built but kustomize'
	@echo 'make fuzz          look for faults in what reads bytes of others (SECONDS=20 a target, TARGET=name for one)'
	@echo 'make kafka         run a real Kafka broker in the foreground, on port 9092'
	@echo 'make image         the container image, without a daemon (RELEASE=trixie|bookworm); make image-test tests it'
	@echo 'make check-debian  make run and make test, in a fresh minimal Debian (RELEASE=trixie|bookworm)'
	@echo 'make deps | bench | chaos | soak | sanitize | valgrind | coverage | check-format | format | lint | clean'

deps:
	.ci/install-packages build run test k8s lint

build:
	.ci/install-packages build run test
	cmake --preset $(PRESET) -DKHS_TESTS=ON > /dev/null
	cmake --build $(BUILD) -j $(JOBS)

# The program alone, without what only its tests need.
run:
	.ci/install-packages build run
	cmake --preset $(PRESET) -DKHS_TESTS=OFF > /dev/null
	cmake --build $(BUILD) -j $(JOBS) --target kafka-http-sink
	$(BUILD)/src/kafka-http-sink demo

test: build
	.ci/install-packages k8s
	REQUIRE_KAFKA=$${REQUIRE_KAFKA:-1} ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

# A program that was built before judges the definitions in it; without one those tests are skipped, and say so.
k8s:
	.ci/install-packages k8s
	REQUIRE_KAFKA=1 $(PYTHON) tests/k8s/fetch.py
	KAFKA_HTTP_SINK=$(wildcard $(BUILD)/src/kafka-http-sink) $(PYTHON) -m pytest -q tests/k8s

# The release build: what every record passes through by itself, then the whole against a real broker and nginx. BEFORE=BINARY
# has another build take turns with it.
bench:
	.ci/install-packages build run test bench
	cmake --preset release -DKHS_TESTS=OFF -DKHS_BENCH=ON > /dev/null
	cmake --build build/release -j $(JOBS) --target bench_delivery kafka-http-sink
	build/release/tests/bench/bench_delivery
	$(PYTHON) tests/bench/throughput.py build/release/src/kafka-http-sink $(if $(BEFORE),--before $(BEFORE))

# What a delivery system is trusted for, at length: faults by seed, and a table of what came of them in tests/README.md.
chaos: build
	KAFKA_HTTP_SINK=$(BUILD)/src/kafka-http-sink $(PYTHON) tests/e2e/chaos/run.py --write \
	  --rounds $(or $(CHAOS_ROUNDS),10) --seed $(or $(CHAOS_SEED),1)

# Half of what it can deliver, for SECONDS, while everything around it changes: whether anything grows.
soak:
	.ci/install-packages build run test bench
	cmake --preset release -DKHS_TESTS=OFF > /dev/null
	cmake --build build/release -j $(JOBS) --target kafka-http-sink
	$(PYTHON) tests/bench/soak.py build/release/src/kafka-http-sink --seconds $(or $(SECONDS),1800)

# Memory, undefined behaviour and leaks in all but the slowest tests; data races in the unit tests, but for those that start
# a client of Debian's librdkafka, which ThreadSanitizer can't bear. What is freed is kept for little where memory is measured. Each
# build proves, by mistakes on purpose, that it would tell.
sanitize:
	$(MAKE) build PRESET=asan
	ctest --test-dir build/asan -L 'unit|integration' -j $(JOBS) --output-on-failure
	ASAN_OPTIONS=quarantine_size_mb=16 REQUIRE_KAFKA=1 ctest --test-dir build/asan -R 'e2e\.(rest_|connect_|state|chaos|kafka)' -j $(JOBS) --output-on-failure
	$(MAKE) build PRESET=tsan
	ctest --test-dir build/tsan -L unit -E '^(Consumer|GroupOffsets|ClusterId|DeadLetterProducer)\.' -j $(JOBS) --output-on-failure

# The demo under valgrind: what it leaks or reads without having written it.
valgrind:
	.ci/install-packages build run valgrind
	cmake --preset dev -DKHS_TESTS=OFF > /dev/null
	cmake --build build/dev -j $(JOBS) --target kafka-http-sink
	timeout --preserve-status --foreground --signal=INT $(or $(SECONDS),60) valgrind --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
	  build/dev/src/kafka-http-sink demo

# What the unit tests run of each room.
coverage:
	.ci/install-packages build run test coverage
	cmake --preset coverage -DKHS_TESTS=ON > /dev/null
	cmake --build build/coverage -j $(JOBS)
	find build/coverage -name '*.gcda' -delete
	SCHEDULES=1000 ctest --test-dir build/coverage -L unit -j $(JOBS) --output-on-failure
	$(PYTHON) tests/coverage.py build/coverage

# Its exit code is not 0 when anything was found. SECONDS=600 also writes the table in tests/README.md.
fuzz:
	.ci/install-packages build fuzz
	cmake --preset fuzz > /dev/null
	cmake --build build/fuzz -j $(JOBS) --target fuzz
	$(PYTHON) tests/fuzz/run.py build/fuzz --seconds $(or $(SECONDS),20) --jobs $(JOBS) $(if $(TARGET),--target $(TARGET))

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
	.ci/install-packages build run lint
	cppcheck --quiet --std=c++20 --language=c++ --inline-suppr --enable=warning,performance,portability \
	  --suppress=missingIncludeSystem --error-exitcode=1 -j $(JOBS) -I src src
	cmake --preset tidy -DKHS_TESTS=OFF > /dev/null
	cmake --build build/tidy -j $(JOBS)

image:
	.ci/install-packages image
	$(AS_ROOT) .ci/image/build $(RELEASE)

# PyPI's validator of SPDX documents, which Debian has not, in an environment of its own.
build/image/spdx-tools/bin/pyspdxtools:
	.ci/install-packages test image
	$(AS_ROOT) $(PYTHON) -m venv build/image/spdx-tools
	$(AS_ROOT) build/image/spdx-tools/bin/pip install -q spdx-tools==0.8.5

image-test: image build/image/spdx-tools/bin/pyspdxtools
	.ci/install-packages test image
	$(AS_ROOT) env PYTHONDONTWRITEBYTECODE=1 IMAGE=$(CURDIR)/build/image/kafka-http-sink-$(RELEASE).tar \
	  PYSPDXTOOLS=$(CURDIR)/build/image/spdx-tools/bin/pyspdxtools $(PYTHON) -m pytest -q tests/image

# What README.md says of a Debian with nothing installed before. Of HEAD: what is not committed is not in it.
check-debian:
	.ci/install-packages check-debian
	mkdir -p build/check-debian
	git bundle create -q build/check-debian/$(RELEASE).bundle HEAD
	$(AS_ROOT) .ci/check-debian $(RELEASE) build/check-debian/$(RELEASE).bundle

clean:
	$(if $(wildcard build/image build/check-debian),$(AS_ROOT)) rm -rf build
