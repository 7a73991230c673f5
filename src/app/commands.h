#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace khs::app {

// Exit codes of the process.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitNotDelivered = 3;  // of `try`: the record would not be delivered

inline constexpr const char* kDefaultConfigFile = "/etc/kafka-http-sink/sidecar.toml";

// The options of the command `run`.
struct RunOptions {
  std::optional<std::string> config_file;  // absent: the default file, if it exists
  bool embedded_broker = false;
};

// The options of the command `try`.
struct TryOptions {
  std::string definition;                  // a connector's file
  std::optional<std::string> config_file;  // as for `run`
  std::optional<std::string> record_file;
  std::optional<std::string> topic;  // present: the record is read from Kafka
  int32_t partition = 0;
  int64_t offset = 0;
  bool send = false;
};

int Run(const RunOptions& options);
int Check(const std::vector<std::string>& paths);
int Convert(const std::string& path);
int Demo();
int Drain(const std::string& url);
int Try(const TryOptions& options);
std::string VersionText();

}  // namespace khs::app
