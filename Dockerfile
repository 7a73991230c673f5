# The program and its shared libraries, without a shell or package manager, as uid 65532.
#
#   docker build --build-arg REVISION="$(git rev-parse HEAD)" -t kafka-http-sink .
#
# DEBIAN_RELEASE=bookworm builds it on Debian 12; BASE names another base image. `make image` needs no daemon.
ARG DEBIAN_RELEASE=trixie
ARG BASE=debian:${DEBIAN_RELEASE}-slim

FROM ${BASE} AS build
WORKDIR /source
COPY .ci/packages.txt .ci/install-packages .ci/
# Applies security updates, because the base image may be older.
RUN apt-get update -q && apt-get upgrade -q -y && .ci/install-packages build run
COPY . .
ARG REVISION=unknown
RUN --mount=type=cache,target=/root/.cache/ccache \
    cmake --preset release -DKHS_TESTS=OFF -DKHS_REVISION="${REVISION}" && \
    cmake --build build/release --target kafka-http-sink
# Compared with the version of the program, so that the label is always right.
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
