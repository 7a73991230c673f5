#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/topic_partition.h"
#include "delivery/loss.h"
#include "delivery/record.h"

namespace khs::task {

using Partitions = std::vector<base::TopicPartition>;

// Everything of the partition before `offset` is done. `metadata` is kept with it when it is
// committed, and says what is done beyond (delivery::EncodeFinished).
struct Position {
  base::TopicPartition topic_partition;
  int64_t offset = 0;
  std::string metadata = {};

  bool operator==(const Position&) const = default;
};
using Positions = std::vector<Position>;

// Nothing came within the timeout, or Wake was called.
struct Nothing {};
// Offsets of a partition that can no longer be read: reading would have gone on at `from`, and goes
// on at `to`.
struct Loss {
  base::TopicPartition topic_partition;
  int64_t from = 0;
  int64_t to = 0;
  int64_t records = 0;  // at most so many, since logs have gaps
  delivery::LossReason reason = delivery::LossReason::kRetention;

  bool operator==(const Loss&) const = default;
};
using Losses = std::vector<Loss>;
// The group gave these partitions to this consumer; records of them follow, from the position that
// is committed on where there is one. `begins` are positions from which reading starts and that no
// commit says yet: they are to be committed at once.
struct Assigned {
  Partitions partitions;
  Positions committed = {};
  Positions begins = {};
  Losses losses = {};
};
// Reading an assigned partition goes on elsewhere, because of a loss. After kTruncated and
// kRecreated the log is another one: what was read of the old one no longer counts.
struct Moved {
  Losses losses;
  Positions begins = {};  // as in Assigned, of partitions whose start was not known then
};
// The group takes these partitions back, and waits for CompleteRevoke. When they are lost they
// belong to another consumer already: nothing of them may be committed any more.
struct Revoked {
  Partitions partitions;
  bool lost = false;
};
struct CommitError {
  std::string text;
  bool too_large = false;  // the broker takes less metadata than there was
  bool excluded = false;   // the group takes nothing of this member any more
};
// How a commit ended.
struct Committed {
  Positions positions;
  std::optional<CommitError> error;
  // Those of the positions that were not committed: their topic is gone, or another one by now.
  Partitions withheld = {};
};
enum class ErrorClass {
  kTransient,       // the client goes on by itself
  kUnreachable,     // no broker answers; the client goes on trying
  kAuthentication,  // the broker refuses the credentials; the client goes on trying
  kFatal,           // this consumer is of no more use; a new one may be
  kObsolete,        // this consumer cannot go on, but a new one can at once; Kafka is well
  kNoOffset,        // a partition cannot be read, and the task is to fail (auto.offset.reset=none)
};
struct SourceError {
  ErrorClass error_class = ErrorClass::kTransient;
  std::string code;  // librdkafka's name of it
  std::string text;
};
using Records = std::vector<delivery::Record>;
using SourceEvent =
    std::variant<Nothing, Records, Assigned, Moved, Revoked, Committed, SourceError>;

// Of SASL. Renewed without leaving the group.
struct Credentials {
  std::string username;
  std::string password;

  bool operator==(const Credentials&) const = default;
};

// Where records come from: a member of a consumer group. Implemented by kafka::Consumer, and by
// fakes. Everything but Wake is for the task's poll thread alone.
class RecordSource {
 public:
  virtual ~RecordSource() = default;

  // Waits for the next event. Must be called within max.poll.interval.ms of the last time, always.
  // Records come only when bytes of them are wanted, and about so many at most; others wait where
  // they are.
  virtual SourceEvent Poll(std::chrono::milliseconds timeout, size_t wanted_bytes) = 0;

  // Makes a Poll, under way or the next one, return at once. Any thread.
  virtual void Wake() noexcept = 0;

  // Stops and restarts the flow of partitions. What was read ahead is read again after Resume.
  virtual void Pause(const Partitions& partitions) = 0;
  virtual void Resume(const Partitions& partitions) = 0;

  // Starts a commit; Committed tells its end.
  virtual void Commit(const Positions& positions) = 0;

  // Commits, and waits for its end.
  virtual Committed CommitAndWait(Positions positions, std::chrono::milliseconds timeout) = 0;

  // From the next connection to a broker on; those there are go on.
  virtual void Renew(const Credentials& credentials) = 0;

  // Where the log of an assigned partition ends, as far as that was learned lately. Never blocks.
  virtual std::optional<int64_t> LogEnd(const base::TopicPartition& partition) const = 0;

  // Gives up what Revoked named.
  virtual void CompleteRevoke() = 0;

  // Leaves the group, within the timeout; without it the broker would wait for the session to
  // expire. Nothing else may be called afterwards.
  virtual void Leave(std::chrono::milliseconds timeout) = 0;
};

}  // namespace khs::task
