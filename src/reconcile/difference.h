#pragma once

#include "config/connector_config.h"

namespace khs::reconcile {

// What a connector's new definition asks for, from the smallest disturbance to the largest. Pure.
struct Difference {
  bool restart = false;       // another consumer is needed: drain, commit, start anew
  bool endpoint = false;      // URL, method, headers, timeouts, TLS
  bool terms = false;         // strategy, delays, in flight, commit interval
  bool dead_letters = false;  // another queue, or another way to it
  bool credentials = false;   // SASL's
  bool more_tasks = false;    // those that run go on

  bool any() const {
    return restart || endpoint || terms || dead_letters || credentials || more_tasks;
  }
  bool operator==(const Difference&) const = default;
};

Difference Compare(const config::ConnectorConfig& from, const config::ConnectorConfig& to);

}  // namespace khs::reconcile
