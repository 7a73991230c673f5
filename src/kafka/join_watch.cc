#include "kafka/join_watch.h"

#include <syslog.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>

namespace khs::kafka {

namespace {

// Group "x" changed join state steady -> wait-join (v1, state up)
std::string_view StateIn(std::string_view line) {
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
  return std::find(kJoining.begin(), kJoining.end(), StateIn(line)) != kJoining.end();
}

bool SaysRebalancing(std::string_view line) {
  const std::string_view state = StateIn(line);
  return !state.empty() && state != "steady";
}

JoinWatch::JoinWatch(ClientOwner owner, const Properties& asked_for)
    : voice_(std::move(owner), asked_for) {
  const auto level = asked_for.find("log_level");
  if (level != asked_for.end()) {
    shown_level_ = static_cast<int>(std::strtol(level->second.Reveal().c_str(), nullptr, 10));
  }
  const auto debug = asked_for.find("debug");
  if (debug != asked_for.end() && !debug->second.Reveal().empty()) {
    debug_ = debug->second.Reveal();
    shown_level_ = LOG_DEBUG;  // as librdkafka has it
  }
}

std::optional<base::LogLevel> JoinWatch::Shown(int level) const {
  if (level <= shown_level_) return FromSyslog(level);
  // Of `cgrp`, which is there in any case: for who wants everything.
  if (level == LOG_DEBUG) return base::LogLevel::kTrace;
  return std::nullopt;
}

void JoinWatch::Watch(rd_kafka_conf_t* conf) {
  const std::string contexts = debug_.empty() ? "cgrp" : debug_ + ",cgrp";
  if (rd_kafka_conf_set(conf, "debug", contexts.c_str(), nullptr, 0) != RD_KAFKA_CONF_OK) {
    throw std::runtime_error("librdkafka has no debug context cgrp");
  }
  rd_kafka_conf_set_opaque(conf, this);
  rd_kafka_conf_set_log_cb(conf, OnLog);
}

void JoinWatch::OnLog(const rd_kafka_t* client, int level, const char* facility,
                      const char* text) noexcept {
  auto* const watch =
      client != nullptr ? static_cast<JoinWatch*>(rd_kafka_opaque(client)) : nullptr;
  if (watch == nullptr) return LogLine(nullptr, FromSyslog(level), facility, text);
  if (std::string_view(facility) == "CGRPJOINSTATE") {
    if (!watch->joining_.exchange(SaysJoining(text)) && watch->joining_) ++watch->joins_;
    watch->rebalancing_ = SaysRebalancing(text);
  }
  if (const auto shown = watch->Shown(level)) LogLine(&watch->voice_, *shown, facility, text);
}

}  // namespace khs::kafka
