#include "kafka/join_watch.h"

#include <syslog.h>

#include <algorithm>
#include <array>

#include "kafka/configuration.h"

namespace khs::kafka {

// Group "x" changed join state steady -> wait-join (v1, state up)
bool SaysJoining(std::string_view line) {
  constexpr std::string_view kArrow = " -> ";
  constexpr std::array<std::string_view, 4> kJoining{"init", "wait-join", "wait-metadata",
                                                     "wait-sync"};
  const size_t arrow = line.rfind(kArrow);
  if (arrow == std::string_view::npos) return false;
  const std::string_view rest = line.substr(arrow + kArrow.size());
  const std::string_view state = rest.substr(0, rest.find(' '));
  return std::find(kJoining.begin(), kJoining.end(), state) != kJoining.end();
}

void JoinWatch::Watch(rd_kafka_conf_t* conf) {
  rd_kafka_conf_set_opaque(conf, this);
  rd_kafka_conf_set_log_cb(conf, OnLog);
}

void JoinWatch::OnLog(const rd_kafka_t* client, int level, const char* facility,
                      const char* text) noexcept {
  auto* const watch =
      client != nullptr ? static_cast<JoinWatch*>(rd_kafka_opaque(client)) : nullptr;
  if (watch != nullptr && std::string_view(facility) == "CGRPJOINSTATE") {
    watch->joining_ = SaysJoining(text);
  }
  if (level < LOG_DEBUG || (watch != nullptr && watch->shows_debug_)) {
    LogLine(client, level, facility, text);
  }
}

}  // namespace khs::kafka
