#include "kafka/workarounds/rebalance_monitor.h"

#include <syslog.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>

namespace khs::kafka {
namespace {

// The new state in: Group "x" changed join state steady -> wait-join (v1, state up)
std::string_view NewState(std::string_view line) {
  constexpr std::string_view kArrow = " -> ";
  const size_t arrow = line.rfind(kArrow);
  if (arrow == std::string_view::npos) return {};
  const std::string_view rest = line.substr(arrow + kArrow.size());
  return rest.substr(0, rest.find(' '));
}

}  // namespace

bool SaysJoining(std::string_view line) {
  constexpr std::array<std::string_view, 4> kJoining{"init", "wait-join", "wait-metadata",
                                                     "wait-sync"};
  return std::find(kJoining.begin(), kJoining.end(), NewState(line)) != kJoining.end();
}

bool SaysRebalancing(std::string_view line) {
  const std::string_view state = NewState(line);
  return !state.empty() && state != "steady";
}

bool SaysOutsideGroup(std::string_view line) { return NewState(line) == "init"; }

RebalanceMonitor::RebalanceMonitor(ClientOwner owner, const Properties& configured)
    : log_context_(std::move(owner), configured) {
  const auto level = configured.find("log_level");
  if (level != configured.end()) {
    visible_level_ = static_cast<int>(std::strtol(level->second.Reveal().c_str(), nullptr, 10));
  }
  const auto debug = configured.find("debug");
  if (debug != configured.end() && !debug->second.Reveal().empty()) {
    debug_ = debug->second.Reveal();
    visible_level_ = LOG_DEBUG;  // librdkafka does the same
  }
}

std::optional<base::LogLevel> RebalanceMonitor::VisibleLevel(int level) const {
  if (level <= visible_level_) return LogLevelFromSyslog(level);
  // The lines of `cgrp` exist for our sake alone, so they get our most verbose level.
  if (level == LOG_DEBUG) return base::LogLevel::kTrace;
  return std::nullopt;
}

void RebalanceMonitor::Install(rd_kafka_conf_t* conf) {
  const std::string contexts = debug_.empty() ? "cgrp" : debug_ + ",cgrp";
  if (rd_kafka_conf_set(conf, "debug", contexts.c_str(), nullptr, 0) != RD_KAFKA_CONF_OK) {
    throw std::runtime_error("librdkafka has no debug context cgrp");
  }
  rd_kafka_conf_set_opaque(conf, this);
  rd_kafka_conf_set_log_cb(conf, OnLog);
}

void RebalanceMonitor::OnLog(const rd_kafka_t* client, int level, const char* facility,
                             const char* text) noexcept {
  auto* const monitor =
      client != nullptr ? static_cast<RebalanceMonitor*>(rd_kafka_opaque(client)) : nullptr;
  if (monitor == nullptr) return LogLine(nullptr, LogLevelFromSyslog(level), facility, text);
  if (std::string_view(facility) == "CGRPJOINSTATE") {
    if (!monitor->joining_.exchange(SaysJoining(text)) && monitor->joining_) {
      ++monitor->join_count_;
    }
    monitor->rebalancing_ = SaysRebalancing(text);
    monitor->outside_group_ = SaysOutsideGroup(text);
  }
  if (const auto visible = monitor->VisibleLevel(level)) {
    LogLine(&monitor->log_context_, *visible, facility, text);
  }
}

}  // namespace khs::kafka
