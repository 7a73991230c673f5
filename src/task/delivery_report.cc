#include "task/delivery_report.h"

#include <utility>

#include "base/log.h"
#include "task/due_time.h"

namespace khs::task {
namespace {

using std::chrono::milliseconds;

const base::Logger& Log() {
  static const base::Logger logger("task");
  return logger;
}

}  // namespace

void DeliveryReport::Delivered(const Job& job) const {
  const base::Now now = clock_.Read();
  const auto age =
      job.record.timestamp ? std::optional(Age(*job.record.timestamp, now.wall)) : std::nullopt;
  metrics_.Delivered(job.record.topic_partition.topic, now.monotonic - job.read_at, age);
}

void DeliveryReport::DeadLetterFailed(const Job& job, const std::string& error,
                                      milliseconds delay) const {
  ReportError(job, job.dead_letter->http_status, delivery::Label(job.dead_letter->reason),
              "retried", "dead letter queue write failed: " + error);
  Log().Error("dead letter queue write failed, will retry",
              {{"connector", identity_.connector},
               {"task", identity_.id},
               {"topic", job.record.topic_partition.topic},
               {"partition", job.record.topic_partition.partition},
               {"offset", job.record.offset},
               {"attempt", job.dead_letter->attempts},
               {"status", job.dead_letter->http_status},
               {"reason", delivery::Label(job.dead_letter->reason)},
               {"error", error},
               {"retry_in_ms", delay.count()}});
}

void DeliveryReport::ReportError(const Job& job, std::optional<int> status, std::string_view reason,
                                 std::string_view outcome, std::string text) const {
  const base::TopicPartition& from = job.record.topic_partition;
  metrics_.Failed({clock_.Read().wall, from.topic, from.partition, job.record.offset,
                   job.progress.attempts, status, std::string(reason), std::string(outcome),
                   std::move(text)});
}

void DeliveryReport::Decided(const Job& job, const delivery::Decision& decision,
                             std::optional<int> status,
                             const std::optional<std::string>& error) const {
  const auto* retry = std::get_if<delivery::Retry>(&decision);
  const auto* drop = std::get_if<delivery::Drop>(&decision);
  const auto* stop = std::get_if<delivery::Stop>(&decision);
  const std::string_view dropped_to = job.dead_letter ? "dead_letter" : "dropped";
  const auto log = [&](base::LogLevel level, std::string_view message, std::string_view reason,
                       const std::optional<std::string>& text, const base::LogField& timing) {
    if (!Log().Writes(level)) return;
    // Lines about retries may be suppressed; each dropped record keeps its own line.
    const auto write = retry != nullptr ? &base::Logger::Log : &base::Logger::LogEach;
    const auto attempts = drop != nullptr ? std::optional(job.progress.attempts) : std::nullopt;
    std::optional<std::string_view> outcome;
    if (drop != nullptr) outcome = dropped_to;
    (Log().*write)(level, message,
                   {{"connector", identity_.connector},
                    {"task", identity_.id},
                    {"topic", job.record.topic_partition.topic},
                    {"partition", job.record.topic_partition.partition},
                    {"offset", job.record.offset},
                    {"attempt", job.progress.attempts},
                    {"attempts", attempts},
                    {"status", status},
                    {"reason", reason},
                    {"outcome", outcome},
                    {"error", text},
                    timing});
  };
  const auto since_read = clock_.Monotonic() - job.read_at;
  const base::LogField age("since_read_ms",
                           std::chrono::duration_cast<milliseconds>(since_read).count());
  if (retry != nullptr) {
    metrics_.Retried(retry->reason);
    ReportError(job, status, delivery::Label(retry->reason), "retried", error.value_or(""));
    log(base::LogLevel::kInfo, "record will be retried", delivery::Label(retry->reason), error,
        {"retry_in_ms", retry->delay.count()});
  } else if (drop != nullptr) {
    metrics_.Dropped(job.record.topic_partition.topic, drop->reason, since_read);
    const bool configured = drop->reason == delivery::DropReason::kTombstone;
    if (!configured) {
      ReportError(job, status, delivery::Label(drop->reason), dropped_to, error.value_or(""));
    }
    log(configured ? base::LogLevel::kDebug : base::LogLevel::kWarn, "record dropped",
        delivery::Label(drop->reason), error, age);
  } else if (stop != nullptr) {
    ReportError(job, status, stop->reason, "stopped", stop->why);
    log(base::LogLevel::kError, "record stops the connector", stop->reason, stop->why, age);
  }
}

}  // namespace khs::task
