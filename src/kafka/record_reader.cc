#include "kafka/record_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "kafka/admin_client.h"
#include "kafka/broker_offsets.h"
#include "kafka/conversions.h"

namespace khs::kafka {
namespace {

using std::chrono::milliseconds;
using Result = base::Expected<delivery::Record, AdminFailure>;
using TopicHandle = std::unique_ptr<rd_kafka_topic_t, Deleter<rd_kafka_topic_destroy>>;

// A request about a partition without a leader is not answered.
constexpr milliseconds kRequestTimeout{5'000};

AdminFailure NoRecord(std::string text) {
  return {RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, std::move(text)};
}

// librdkafka's fetching of one partition, from an offset on. Stops when it is destroyed.
class Fetch {
 public:
  Fetch(rd_kafka_t* client, const base::TopicPartition& from, int64_t offset)
      : partition_(from.partition),
        topic_(rd_kafka_topic_new(client, from.topic.c_str(), nullptr)),
        started_(topic_ && rd_kafka_consume_start(topic_.get(), partition_, offset) == 0),
        error_(started_ ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_last_error()) {}
  ~Fetch() {
    if (started_) rd_kafka_consume_stop(topic_.get(), partition_);
  }
  Fetch(const Fetch&) = delete;
  Fetch& operator=(const Fetch&) = delete;

  // Why it could not begin.
  rd_kafka_resp_err_t error() const { return error_; }
  // Null on a timeout.
  MessageHandle Next(milliseconds timeout) const {
    return MessageHandle(
        rd_kafka_consume(topic_.get(), partition_, static_cast<int>(timeout.count())));
  }

 private:
  const int32_t partition_;
  const TopicHandle topic_;
  const bool started_;
  const rd_kafka_resp_err_t error_;
};

AdminFailure Failure(const AdminClient& client, OffsetError code) {
  const bool no_answer =
      code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT;
  if (no_answer) return {RD_KAFKA_RESP_ERR__TIMED_OUT, client.WhyNoAnswer()};
  return {code, rd_kafka_err2str(code)};
}

// Returns why the partition has no record at the offset, by where its log starts and ends.
std::optional<AdminFailure> CheckRange(const AdminClient& client, const base::TopicPartition& from,
                                       int64_t offset, Deadline deadline) {
  const auto timeout = [deadline] { return std::min(TimeLeft(deadline), kRequestTimeout); };
  const auto partitions = AskPartitionCount(client.handle(), from.topic, timeout());
  if (!partitions) return Failure(client, partitions.error());
  if (from.partition >= *partitions) {
    return AdminFailure{RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
                        *partitions == 0 ? "there is no such topic" : "there is no such partition"};
  }
  const auto ranges = AskLogRanges(client.handle(), {from}, timeout());
  if (!ranges) return Failure(client, ranges.error());
  const auto range = ranges->find(from);
  if (range == ranges->end()) {
    return AdminFailure{RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, "the partition has no leader"};
  }
  const auto [start, end] = range->second;
  if (start == end) return NoRecord("the partition is empty");
  if (offset >= start && offset < end) return std::nullopt;
  return NoRecord(fmt::format("the partition has the offsets {} to {}", start, end - 1));
}

Result AskForRecord(const AdminClient& client, const base::TopicPartition& from, int64_t offset,
                    Deadline deadline) {
  if (auto failure = CheckRange(client, from, offset, deadline)) {
    return AdminClient::Fail(std::move(*failure));
  }
  const Fetch fetch(client.handle(), from, offset);
  if (fetch.error() != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return AdminClient::Fail({fetch.error(), rd_kafka_err2str(fetch.error())});
  }
  const MessageHandle message = fetch.Next(TimeLeft(deadline));
  if (!message) {
    return AdminClient::Fail({RD_KAFKA_RESP_ERR__TIMED_OUT, "it was not received in time"});
  }
  const bool is_end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && !is_end) {
    return AdminClient::Fail({message->err, rd_kafka_message_errstr(message.get())});
  }
  if (!is_end && message->offset == offset) return CopyRecord(message.get());
  constexpr const char* kGap = "no record has this offset (compaction, or a transaction's marker)";
  return AdminClient::Fail(
      NoRecord(is_end ? kGap : fmt::format("{}; the next one has {}", kGap, message->offset)));
}

}  // namespace

base::Expected<delivery::Record, AdminError> ReadRecordAt(const Properties& properties,
                                                          const base::TopicPartition& from,
                                                          int64_t offset, milliseconds timeout) {
  Properties own = properties;
  own["enable.auto.commit"] = "false";
  own["enable.auto.offset.store"] = "false";
  own["enable.partition.eof"] = "true";
  own["allow.auto.create.topics"] = "false";
  return CallWithClient<delivery::Record>(ClientLogContext({}, own), own, timeout,
                                          [&](const AdminClient& client, Deadline deadline) {
                                            return AskForRecord(client, from, offset, deadline);
                                          });
}

}  // namespace khs::kafka
