#pragma once

#include <span>

#include "config/key_row.h"
#include "config/process_config.h"

namespace khs::config {

struct ProcessDraft {
  static constexpr References kReferences = References::kRefused;

  SecretResolver& secrets;
  ProcessConfig config = {};
};

// The definition table of sidecar.toml; ProcessKeys() is its public half.
std::span<const Row<ProcessDraft>> ProcessRows();

}  // namespace khs::config
