#pragma once

#include <span>

#include "config/key_row.h"
#include "config/process_config.h"

namespace khs::config {

struct ProcessDraft {
  // sidecar.toml goes to librdkafka verbatim, and its credentials may come from the environment.
  static constexpr bool kMayReferToSecrets = false;

  ProcessConfig config;
  bool has_credentials = false;
};

// The definition table of sidecar.toml; ProcessKeys() is its public half.
std::span<const Row<ProcessDraft>> ProcessRows();

}  // namespace khs::config
