#pragma once

#include "config/connector_config.h"

namespace khs::reconcile {

// What a new definition of a connector changes. Pure.
struct Difference {
  bool restart = false;       // a new consumer is needed: drain, commit and start again
  bool endpoint = false;      // URL, method, headers, timeouts, TLS
  bool terms = false;         // strategy, delays, in flight, commit interval
  bool dead_letters = false;  // the topic, or the producer's properties
  bool credentials = false;   // of SASL
  bool more_tasks = false;    // the running ones continue

  bool any() const {
    return restart || endpoint || terms || dead_letters || credentials || more_tasks;
  }
  bool operator==(const Difference&) const = default;
};

Difference Compare(const config::ConnectorConfig& from, const config::ConnectorConfig& to);

}  // namespace khs::reconcile
