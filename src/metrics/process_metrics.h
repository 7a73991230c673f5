#pragma once

#include <prometheus/metric_family.h>

#include <vector>

namespace khs::metrics {

// Reads Prometheus' standard `process_*` metrics from /proc, without those that can't be read. Any
// thread. Private to the room.
// https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
std::vector<prometheus::MetricFamily> CollectProcess();

}  // namespace khs::metrics
