#pragma once

#include <optional>
#include <string>
#include <vector>

namespace khs::app {

// Exit codes of the process.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

// The options of the command `run`.
struct RunOptions {
  std::optional<std::string> config_file;  // absent: the default file, if it exists
  bool embedded_broker = false;
};

int Run(const RunOptions& options);
int Check(const std::vector<std::string>& paths);
int Demo();
int Drain(const std::string& url);
std::string VersionText();

}  // namespace khs::app
