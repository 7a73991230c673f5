# Every target installs the Debian packages that it needs with apt (with sudo if not root), on Debian 12 and 13.
PRESET ?= dev
BUILD := build/$(PRESET)
JOBS ?= $(shell nproc)
# Tests wait more than they compute.
TEST_JOBS ?= $(shell expr $$(nproc) + 1)
CPP_FILES = $(shell git ls-files '*.cc' '*.h')
# Debian's Python, which has the packages, and not another one in PATH.
PYTHON := /usr/bin/python3

# The Debian release of the image and of check-debian: trixie or bookworm.
RELEASE ?= trixie
# Owners, mounts and containers need root.
AS_ROOT := $(if $(filter-out 0,$(shell id -u)),sudo,)

.PHONY: help deps build run test k8s bench chaos soak sanitize valgrind coverage fuzz check-format format lint kafka image image-test check-debian clean

help:
	@echo 'make run           build and start the demo'
	@echo 'make test          build and run all tests, including those with a real Kafka broker'
	@echo 'make build         build into $(BUILD) (PRESET=release|asan|tsan for other builds)'
	@echo 'make k8s           render and validate k8s/; builds only kustomize'
	@echo 'make fuzz          fuzz the parsers of external input (SECONDS=20 per target, TARGET=name for one target)'
	@echo 'make kafka         run a real Kafka broker in the foreground, on port 9092'
	@echo 'make image         build the container image without a daemon (RELEASE=trixie|bookworm); image-test tests it'
	@echo 'make check-debian  make run and make test in a new minimal Debian (RELEASE=trixie|bookworm)'
	@echo 'make deps | bench | chaos | soak | sanitize | valgrind | coverage | check-format | format | lint | clean'

deps:
	.ci/install-packages build run test k8s lint

build:
	.ci/install-packages build run test
	cmake --preset $(PRESET) -DKHS_TESTS=ON > /dev/null
	cmake --build $(BUILD) -j $(JOBS)

# Builds and starts the program without the packages of the tests.
run:
	.ci/install-packages build run
	cmake --preset $(PRESET) -DKHS_TESTS=OFF > /dev/null
	cmake --build $(BUILD) -j $(JOBS) --target kafka-http-sink
	$(BUILD)/src/kafka-http-sink demo

test: build
	.ci/install-packages k8s
	REQUIRE_KAFKA=$${REQUIRE_KAFKA:-1} ctest --test-dir $(BUILD) --output-on-failure -j $(TEST_JOBS)

# An already built program checks the definitions in k8s/; without one those tests are skipped with a message.
k8s:
	.ci/install-packages k8s
	REQUIRE_KAFKA=1 $(PYTHON) tests/k8s/fetch.py
	KAFKA_HTTP_SINK=$(wildcard $(BUILD)/src/kafka-http-sink) $(PYTHON) -m pytest -q tests/k8s

# Micro-benchmarks, then the release build with a real broker and nginx. BEFORE=BINARY measures another build in turn,
# SCENARIO=name runs one scenario, WRITE=1 writes the comparison with other programs into README.md.
bench:
	.ci/install-packages build run test bench
	cmake --preset release -DKHS_TESTS=OFF -DKHS_BENCH=ON > /dev/null
	cmake --build build/release -j $(JOBS) --target bench_delivery bare_consumer kafka-http-sink
	build/release/tests/bench/bench_delivery
	$(PYTHON) tests/bench/throughput.py build/release/src/kafka-http-sink $(if $(BEFORE),--before $(BEFORE)) \
	  $(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(WRITE),--write)

# Injects faults by seed, checks that nothing is lost, and writes the results into tests/README.md.
chaos: build
	KAFKA_HTTP_SINK=$(BUILD)/src/kafka-http-sink $(PYTHON) tests/e2e/chaos/run.py --write \
	  --rounds $(or $(CHAOS_ROUNDS),10) --seed $(or $(CHAOS_SEED),1)

# Delivers half of the maximum rate for SECONDS while everything changes, and checks that nothing grows.
soak:
	.ci/install-packages build run test bench
	cmake --preset release -DKHS_TESTS=OFF > /dev/null
	cmake --build build/release -j $(JOBS) --target kafka-http-sink
	$(PYTHON) tests/bench/soak.py build/release/src/kafka-http-sink --seconds $(or $(SECONDS),1800)

# AddressSanitizer, UndefinedBehaviorSanitizer and LeakSanitizer for all but the slowest tests; ThreadSanitizer for unit tests
# without a client of Debian's librdkafka, which it does not support. A small quarantine keeps measured memory low. Planted faults
# show that each sanitizer reports errors.
sanitize:
	$(MAKE) build PRESET=asan
	ctest --test-dir build/asan -L 'unit|integration' -j $(JOBS) --output-on-failure
	ASAN_OPTIONS=quarantine_size_mb=16 REQUIRE_KAFKA=1 ctest --test-dir build/asan -R 'e2e\.(rest_|connect_|state|chaos|kafka)' -j $(JOBS) --output-on-failure
	$(MAKE) build PRESET=tsan
	ctest --test-dir build/tsan -L unit -E '^(Consumer|GroupOffsets|ClusterId|DeadLetterProducer)\.' -j $(JOBS) --output-on-failure

# Checks the demo with valgrind for leaks and uninitialized reads.
valgrind:
	.ci/install-packages build run valgrind
	cmake --preset dev -DKHS_TESTS=OFF > /dev/null
	cmake --build build/dev -j $(JOBS) --target kafka-http-sink
	timeout --preserve-status --foreground --signal=INT $(or $(SECONDS),60) valgrind --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
	  build/dev/src/kafka-http-sink demo

# Measures the line coverage of the unit tests by room.
coverage:
	.ci/install-packages build run test coverage
	cmake --preset coverage -DKHS_TESTS=ON > /dev/null
	cmake --build build/coverage -j $(JOBS)
	find build/coverage -name '*.gcda' -delete
	SCHEDULES=1000 ctest --test-dir build/coverage -L unit -j $(JOBS) --output-on-failure
	$(PYTHON) tests/coverage.py build/coverage

# Fails if a fault is found. SECONDS=600 also updates the table in tests/README.md.
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

# A virtual environment with PyPI's validator of SPDX documents, which Debian does not have.
build/image/spdx-tools/bin/pyspdxtools:
	.ci/install-packages test image
	$(AS_ROOT) $(PYTHON) -m venv build/image/spdx-tools
	$(AS_ROOT) build/image/spdx-tools/bin/pip install -q spdx-tools==0.8.5

image-test: image build/image/spdx-tools/bin/pyspdxtools
	.ci/install-packages test image
	$(AS_ROOT) env PYTHONDONTWRITEBYTECODE=1 IMAGE=$(CURDIR)/build/image/kafka-http-sink-$(RELEASE).tar \
	  PYSPDXTOOLS=$(CURDIR)/build/image/spdx-tools/bin/pyspdxtools $(PYTHON) -m pytest -q tests/image

# Tests the commands of README.md in a minimal Debian, with a clone of HEAD, so without uncommitted changes.
check-debian:
	.ci/install-packages check-debian
	mkdir -p build/check-debian
	git bundle create -q build/check-debian/$(RELEASE).bundle HEAD
	$(AS_ROOT) .ci/check-debian $(RELEASE) build/check-debian/$(RELEASE).bundle

clean:
	$(if $(wildcard build/image build/check-debian),$(AS_ROOT)) rm -rf build
