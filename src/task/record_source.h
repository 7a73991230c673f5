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

// A position to commit: every record before `offset` is finished. `metadata` says which are
// finished beyond it (delivery::EncodeFinished).
struct Position {
  base::TopicPartition topic_partition;
  int64_t offset = 0;
  std::string metadata = {};

  bool operator==(const Position&) const = default;
};
using Positions = std::vector<Position>;

// No event within the timeout, or Wake was called.
struct Nothing {};
// Offsets of a partition that can no longer be read: reading should have continued at `from`, and
// continues at `to`.
struct Loss {
  base::TopicPartition topic_partition;
  int64_t from = 0;
  int64_t to = 0;
  int64_t records = 0;  // at most, since logs have gaps
  delivery::LossReason reason = delivery::LossReason::kRetention;

  bool operator==(const Loss&) const = default;
};
using Losses = std::vector<Loss>;
// The group assigned these partitions; their records follow, from the committed position if there
// is one. `begins` are positions where reading starts although no commit says so: they are to be
// committed at once.
struct Assigned {
  Partitions partitions;
  Positions committed = {};
  Positions begins = {};
  Losses losses = {};
};
// Reading an assigned partition continues elsewhere, because of a loss. After kTruncated and
// kRecreated the log is another one: what was read of the old one no longer counts.
struct Moved {
  Losses losses;
  Positions begins = {};  // as in Assigned, for partitions whose start was unknown then
};
// The group revokes these partitions and waits for CompleteRevoke. Lost ones belong to another
// member already: nothing of them may be committed. Partitions can be lost while the task revokes
// them; CompleteRevoke is then called once for both events.
struct Revoked {
  Partitions partitions;
  bool lost = false;
};
// Why a commit failed.
struct CommitError {
  std::string text;
  bool metadata_too_large = false;  // the broker accepts less metadata
  bool excluded = false;            // the group accepts no more commits of this member
};
// The result of a commit.
struct Committed {
  Positions positions;
  std::optional<CommitError> error;
  // The partitions that were left out: their topic was deleted or recreated.
  Partitions withheld = {};
};
// What an error means for the consumer.
enum class ErrorClass {
  kTransient,       // the client recovers by itself
  kUnreachable,     // no broker answers; the client keeps trying
  kAuthentication,  // the broker refuses the credentials; the client keeps trying
  kFatal,           // this consumer is unusable; a new one may work
  kObsolete,        // this consumer is unusable, but a new one works at once
  kNoOffset,        // a partition has no valid offset, and auto.offset.reset=none fails the task
};
// An error that is not about a single commit.
struct SourceError {
  ErrorClass error_class = ErrorClass::kTransient;
  std::string code;  // as librdkafka names it
  std::string text;
};
using Records = std::vector<delivery::Record>;
using SourceEvent =
    std::variant<Nothing, Records, Assigned, Moved, Revoked, Committed, SourceError>;

// SASL credentials, or those of the client that requests OAuth tokens; can be renewed without
// leaving the group.
struct Credentials {
  std::string username;
  std::string password;

  bool operator==(const Credentials&) const = default;
};

// A member of a consumer group that reads records. Implemented by kafka::Consumer and by fakes.
// Owned by the task and used by its poll thread only, except for Wake.
class RecordSource {
 public:
  virtual ~RecordSource() = default;

  // Waits for the next event. Must be called at least every max.poll.interval.ms. Returns about
  // `wanted_bytes` of records at most, and none when that is 0.
  virtual SourceEvent Poll(std::chrono::milliseconds timeout, size_t wanted_bytes) = 0;

  // Makes the current or next Poll return at once. Any thread.
  virtual void Wake() noexcept = 0;

  // Pauses and resumes partitions. What was fetched ahead is fetched again after Resume.
  virtual void Pause(const Partitions& partitions) = 0;
  virtual void Resume(const Partitions& partitions) = 0;

  // Starts a commit; a Committed event says how it ended.
  virtual void Commit(const Positions& positions) = 0;

  // Commits, and waits for its end.
  virtual Committed CommitAndWait(Positions positions, std::chrono::milliseconds timeout) = 0;

  // Uses other credentials for new connections to brokers.
  virtual void Renew(const Credentials& credentials) = 0;

  // The end of an assigned partition's log, if it is known. Never blocks.
  virtual std::optional<int64_t> LogEnd(const base::TopicPartition& partition) const = 0;

  // Gives up the partitions of the last Revoked event, and of those before that wait for it.
  virtual void CompleteRevoke() = 0;

  // Leaves the group within the timeout, so that the group need not wait for the session timeout.
  // Nothing else may be called afterwards.
  virtual void Leave(std::chrono::milliseconds timeout) = 0;
};

}  // namespace khs::task
