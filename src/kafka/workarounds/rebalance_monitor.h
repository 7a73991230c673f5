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

// Workaround: librdkafka has no function that says whether a group member is rebalancing. Only its
// debug log says so, in the context `cgrp`.
//
// What goes wrong without that knowledge:
// 1. A commit that is sent while the member joins is refused for its old generation, and librdkafka
//    then drops the whole assignment. From 1.6 on, fixed in 2.10:
//    https://github.com/confluentinc/librdkafka/issues/4059
//    OffsetCommitter therefore holds commits back while joining() is true.
// 2. A member of an eager group joins again without a revocation when topics change while an
//    assignment or a revocation is unanswered. Another member may own its partitions by then. No
//    issue known, no fixed version known. Consumer::Client compares join_count() with the count at
//    its assignment and reports the partitions as lost.
// 3. librdkafka takes any assign call for the answer to a revocation that it has not reported yet.
//    No issue known, no fixed version known. PositionRecovery therefore waits while rebalancing()
//    is true.
// 4. A call is never answered when the group ends while it is queued in librdkafka: rd_kafka_assign
//    and the like then wait for ever. No issue known, no fixed version known. A Consumer therefore
//    closes its client only when outside_group() is true: no event asks for an answer from then on.
//
// Obsolete once librdkafka has a function for the state. From 2.10 on, 1 needs it no longer.

namespace khs::kafka {

// Reads the debug log of a group member for the state of its rebalance, and passes on the lines
// that the user wants to see. librdkafka's threads write it, the poll thread reads it. Owned by
// Consumer::Client; outlives the librdkafka client. When librdkafka words its lines differently,
// commits are sent as if there was no rebalance.
class RebalanceMonitor {
 public:
  // `configured` are the properties as the user set them; log_level and debug are among them.
  RebalanceMonitor(ClientOwner owner, const Properties& configured);

  // Sets the debug context and the log callback. To be called before rd_kafka_new.
  void Install(rd_kafka_conf_t* conf);

  bool joining() const { return joining_; }
  // How often the member has begun to join.
  unsigned join_count() const { return join_count_; }
  // The group may be about to take partitions back or to assign some.
  bool rebalancing() const { return rebalancing_; }
  // The member has not begun to join, or it has left, or it is about to join again.
  bool outside_group() const { return outside_group_; }

  ClientLogContext& log_context() { return log_context_; }
  const ClientLogContext& log_context() const { return log_context_; }

  // The level at which a line with this syslog level is logged; nothing when it is not.
  std::optional<base::LogLevel> VisibleLevel(int level) const;

 private:
  static void OnLog(const rd_kafka_t* client, int level, const char* facility,
                    const char* text) noexcept;

  ClientLogContext log_context_;
  std::string debug_;
  // The highest syslog level that is logged. librdkafka would filter by itself, but setting `debug`
  // makes it pass on everything.
  int visible_level_ = LOG_INFO;
  std::atomic<bool> joining_{false};
  std::atomic<unsigned> join_count_{0};
  std::atomic<bool> rebalancing_{false};
  std::atomic<bool> outside_group_{true};
};

// These read a line of the facility CGRPJOINSTATE. The member waits for the answer to its join.
bool SaysJoining(std::string_view line);
// The member is in any state but the steady one.
bool SaysRebalancing(std::string_view line);
// The member is in its first state, to which it returns when it leaves.
bool SaysOutsideGroup(std::string_view line);

}  // namespace khs::kafka
