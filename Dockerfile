# The program with the shared libraries it is linked against: no shell, no package manager, nobody to be but uid 65532.
#
#   docker build --build-arg REVISION="$(git rev-parse HEAD)" -t kafka-http-sink .
#
# DEBIAN_RELEASE=bookworm builds it on Debian 12; BASE names another base image. `make image` needs no daemon.
ARG DEBIAN_RELEASE=trixie
ARG BASE=debian:${DEBIAN_RELEASE}-slim

FROM ${BASE} AS build
WORKDIR /source
COPY .ci/packages.txt .ci/install-packages .ci/
# A base image may be older than the last security update of what is copied from it.
RUN apt-get update -q && apt-get upgrade -q -y && .ci/install-packages build run
COPY . .
ARG REVISION=unknown
RUN --mount=type=cache,target=/root/.cache/ccache \
    cmake --preset release -DKHS_TESTS=OFF -DKHS_REVISION="${REVISION}" && \
    cmake --build build/release --target kafka-http-sink
# Held against the program's own, so that the label can't lag behind.
ARG VERSION=0.1.0
RUN build/release/src/kafka-http-sink --version | grep -F "kafka-http-sink ${VERSION} (" && \
    .ci/image/collect build/release/src/kafka-http-sink /image && \
    .ci/image/spdx /image "${VERSION}" > /image/usr/share/doc/kafka-http-sink/packages.spdx.json && \
    mkdir /state

FROM scratch
COPY --from=build /image/ /
COPY --from=build --chown=65532:65532 /state/ /var/lib/kafka-http-sink/
USER 65532:65532
RUN ["/usr/bin/kafka-http-sink", "--version"]
RUN ["/usr/bin/kafka-http-sink", "check", "/etc/kafka-http-sink/sidecar.toml"]
ARG REVISION=unknown
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="kafka-http-sink" \
      org.opencontainers.image.description="Delivers every Kafka record to an HTTP endpoint, in order, at least once" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="MIT"
EXPOSE 8083 9404
ENTRYPOINT ["/usr/bin/kafka-http-sink"]
