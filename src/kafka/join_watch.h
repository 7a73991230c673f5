#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <string_view>

namespace khs::kafka {

// Whether a group member is joining: librdkafka sends commits all the same, and the broker, which
// answers them after the join, refuses them for their old generation, upon which librdkafka before
// 2.10 gives up all partitions (its issue 4059). It tells the state in its log only, of the debug
// context `cgrp`; where such a line is missing, commits are sent as if there was no join.
class JoinWatch {
 public:
  // `debug` is what the user wants to see in the log; before rd_kafka_new. Must outlive the client.
  explicit JoinWatch(std::string_view debug) : shows_debug_(!debug.empty()) {}
  void Watch(rd_kafka_conf_t* conf);

  bool joining() const { return joining_; }

 private:
  static void OnLog(const rd_kafka_t* client, int level, const char* facility,
                    const char* text) noexcept;

  const bool shows_debug_;
  std::atomic<bool> joining_{false};
};

// The state in a line of the facility CGRPJOINSTATE is one in which a member waits to be let in.
bool SaysJoining(std::string_view line);

}  // namespace khs::kafka
