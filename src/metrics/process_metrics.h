#pragma once

#include <prometheus/metric_family.h>

#include <vector>

namespace khs::metrics {

// Prometheus' usual `process_*`, read from /proc as they are now; what can't be read is left out.
// Any thread; private to the room.
// https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
std::vector<prometheus::MetricFamily> CollectProcess();

}  // namespace khs::metrics
