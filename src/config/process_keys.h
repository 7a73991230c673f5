#pragma once

#include <span>

#include "config/key_row.h"
#include "config/process_config.h"

namespace khs::config {

// The configuration of the process while its rows are applied.
struct ProcessDraft {
  static constexpr References kReferences = References::kForbidden;

  SecretResolver& secrets;
  ProcessConfig config = {};
};

// The definition table of sidecar.toml. ProcessKeys() returns it without the functions.
std::span<const Row<ProcessDraft>> ProcessRows();

}  // namespace khs::config
