#pragma once

#include <librdkafka/rdkafka.h>
#include <syslog.h>

#include <atomic>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.h"
#include "kafka/client_log.h"
#include "kafka/properties.h"

namespace khs::kafka {

// Reads a group member's log, and passes on what somebody wants to see of it.
//
// Whether the member is joining: librdkafka sends commits all the same, and the broker, which
// answers them after the join, refuses them for their old generation, upon which librdkafka before
// 2.10 gives up all partitions (its issue 4059). It tells the state in its log only, of the debug
// context `cgrp`; where such a line is missing, commits are sent as if there was no join.
class JoinWatch {
 public:
  // `asked_for` is the client's configuration as its user wants it.
  JoinWatch(ClientOwner owner, const Properties& asked_for);

  // Sets what the watch needs; before rd_kafka_new. Must outlive the client.
  void Watch(rd_kafka_conf_t* conf);

  bool joining() const { return joining_; }
  // How often it began to join.
  unsigned joins() const { return joins_; }
  // The group may be about to take partitions back or to give some: an assignment that this member
  // makes by itself could be taken for its answer.
  bool rebalancing() const { return rebalancing_; }
  ClientVoice& voice() { return voice_; }
  const ClientVoice& voice() const { return voice_; }
  // At which level a line of one of syslog's is passed on; none: not at all.
  std::optional<base::LogLevel> Shown(int level) const;

 private:
  static void OnLog(const rd_kafka_t* client, int level, const char* facility,
                    const char* text) noexcept;

  ClientVoice voice_;
  std::string debug_;
  // The least of syslog's levels that is shown. librdkafka would do that itself, but that `debug`
  // makes it say everything.
  int shown_level_ = LOG_INFO;
  std::atomic<bool> joining_{false};
  std::atomic<unsigned> joins_{0};
  std::atomic<bool> rebalancing_{false};
};

// The state in a line of the facility CGRPJOINSTATE is one in which a member waits to be let in.
bool SaysJoining(std::string_view line);
// The state is any but that in which a member has what it was given and knows of no change.
bool SaysRebalancing(std::string_view line);

}  // namespace khs::kafka
