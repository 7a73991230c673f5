#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "config/flat.h"
#include "connect/worker.h"

namespace khs::rest {

// What `/admin/loggers` acts on; see base/log.h.
struct LoggerControl {
  std::function<std::vector<base::LoggerState>()> list;
  // Answers which loggers it was set for; none: there is no such logger.
  std::function<std::vector<std::string>(const std::string&, base::LogLevel)> set;
};

// The process's own loggers. Makes those of the rooms, so that they are listed before their first
// line. `clock` must outlive what is answered.
LoggerControl ProcessLoggers(const base::Clock& clock);

// All that the API is answered from. Used from several threads at once.
struct ConnectApi {
  connect::Worker& worker;
  LoggerControl loggers;
  std::string version;    // of this program, as its plugin's
  std::string commit;     // what `GET /` shows as such: version and revision
  std::string worker_id;  // `host:port` of the listener
  std::string scheme = "http";
  config::FlatConfig defaults;  // of `defaults.*`, as in ProcessConfig
};

}  // namespace khs::rest
