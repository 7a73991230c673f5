#pragma once

#include <optional>
#include <string>
#include <vector>

namespace khs::app {

// What a process ends with (contract, section 1).
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

struct RunOptions {
  std::optional<std::string> config_file;  // absent: the default place, if there is one
  bool embedded_broker = false;
};

int Run(const RunOptions& options);
int Check(const std::vector<std::string>& paths);
int Demo();
int Drain(const std::string& url);
std::string VersionText();

}  // namespace khs::app
