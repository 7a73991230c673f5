#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "config/flat.h"
#include "connect/worker.h"

namespace khs::rest {

// Functions for `/admin/loggers`; see base/log.h.
struct LoggerControl {
  std::function<std::vector<base::LoggerState>()> list;
  // Returns the loggers that it changed; none when the logger is unknown.
  std::function<std::vector<std::string>(const std::string&, base::LogLevel)> set;
};

// The loggers of the process. Creates those of the rooms, so that they are listed before their
// first line. `clock` must outlive the result.
LoggerControl ProcessLoggers(const base::Clock& clock);

// Everything that the API answers from. Several threads use it at once.
struct ConnectApi {
  connect::Worker& worker;
  LoggerControl loggers;
  std::string version;    // of this program and its plugin
  std::string commit;     // that `GET /` shows: version and revision
  std::string worker_id;  // `host:port` of the listener
  std::string scheme = "http";
  config::FlatConfig defaults;  // of `defaults.*`, as in ProcessConfig
};

}  // namespace khs::rest
