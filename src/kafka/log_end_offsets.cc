#include "kafka/log_end_offsets.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "kafka/client_log.h"
#include "kafka/configuration.h"
#include "kafka/conversions.h"
#include "kafka/handles.h"

namespace khs::kafka {
namespace {

using std::chrono::milliseconds;
using Time = std::chrono::steady_clock::time_point;

// The process waits this long at its end when a broker does not answer.
constexpr milliseconds kRequestTimeout{1'000};
// An end that is older than this many intervals is not returned.
constexpr int kMaxAgeIntervals = 6;
// A client without an answer for this long is replaced, because the certificate files that it has
// read may have been replaced.
constexpr std::chrono::minutes kReplaceAfter{1};

// The consumers report the brokers' errors. Here they would only fill the queue.
void DiscardErrors(rd_kafka_t* client) {
  const QueueHandle errors(rd_kafka_queue_get_main(client));
  while (const EventHandle event{rd_kafka_queue_poll(errors.get(), 0)}) {
    OnClientError(client, rd_kafka_event_error(event.get()));
  }
}

}  // namespace

// Owns the thread and the clients.
class LogEndOffsets::Reader {
 public:
  // The partitions of one watch and what is known of them.
  struct Entry {
    std::mutex mutex;  // guards the rest
    task::Partitions partitions;
    Time due;  // of the next request
    // With the time of the answer.
    std::map<base::TopicPartition, std::pair<int64_t, Time>> ends;
  };

  // The watches with the same properties, and their client.
  struct Cluster {
    explicit Cluster(const Properties& initial) : properties(initial), log_context({}, initial) {}

    // Guarded by the reader's mutex.
    const Properties properties;
    std::optional<task::Credentials> credentials;  // replace those among the properties
    bool renewed = false;                          // and the client does not have them yet
    std::vector<std::weak_ptr<Entry>> entries;
    // The reader's thread alone.
    ClientLogContext log_context;  // without an owner
    ClientHandle client;
    Time last_answer;
  };

  explicit Reader(milliseconds interval)
      : interval_(interval), thread_([this](const std::stop_token& stop) { Run(stop); }) {}

  milliseconds interval() const { return interval_; }

  std::pair<std::shared_ptr<Cluster>, std::shared_ptr<Entry>> Open(const Properties& properties) {
    const std::lock_guard lock(mutex_);
    auto found = std::find_if(clusters_.begin(), clusters_.end(), [&](const auto& cluster) {
      return cluster->properties == properties;
    });
    if (found == clusters_.end()) {
      clusters_.push_back(std::make_shared<Cluster>(properties));
      found = std::prev(clusters_.end());
    }
    auto entry = std::make_shared<Entry>();
    (*found)->entries.push_back(entry);
    return {*found, std::move(entry)};
  }

  void Renew(Cluster& cluster, const task::Credentials& credentials) {
    cluster.log_context.redactor.Renew(credentials.username, credentials.password);
    const std::lock_guard lock(mutex_);
    cluster.credentials = credentials;
    cluster.renewed = true;
  }

  // A watch has other partitions.
  void Wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_all();
  }

 private:
  void Run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      for (const auto& cluster : TakeClusters()) AskCluster(*cluster, stop);
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, stop, interval_ / 2, [this] { return woken_; });
      woken_ = false;
    }
  }

  // Removes clusters without watches. Their clients are destroyed after the lock is released.
  std::vector<std::shared_ptr<Cluster>> TakeClusters() {
    std::vector<std::shared_ptr<Cluster>> unused;
    const std::lock_guard lock(mutex_);
    std::erase_if(clusters_, [&unused](const auto& cluster) {
      std::erase_if(cluster->entries, [](const auto& entry) { return entry.expired(); });
      if (cluster->entries.empty()) unused.push_back(cluster);
      return cluster->entries.empty();
    });
    return clusters_;
  }

  void AskCluster(Cluster& cluster, const std::stop_token& stop) {
    std::vector<std::shared_ptr<Entry>> all;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& each : cluster.entries) {
        if (auto entry = each.lock()) all.push_back(std::move(entry));
      }
    }
    for (const auto& entry : all) {
      if (stop.stop_requested()) return;
      const task::Partitions partitions = TakeDue(*entry);
      if (partitions.empty() || !Connect(cluster)) continue;
      if (Ask(cluster.client.get(), partitions, *entry)) {
        cluster.last_answer = std::chrono::steady_clock::now();
      }
    }
  }

  task::Partitions TakeDue(Entry& entry) const {
    const Time now = std::chrono::steady_clock::now();
    const std::lock_guard lock(entry.mutex);
    if (now < entry.due) return {};
    entry.due = now + interval_;
    return entry.partitions;
  }

  // Makes sure that there is a client. False when it cannot be created.
  bool Connect(Cluster& cluster) {
    Properties properties;
    bool renewed = false;
    {
      const std::lock_guard lock(mutex_);
      properties = cluster.properties;
      renewed = std::exchange(cluster.renewed, false);
      if (cluster.credentials) ReplaceCredentials(properties, *cluster.credentials);
    }
    const Time now = std::chrono::steady_clock::now();
    if (cluster.client && now - cluster.last_answer < kReplaceAfter) {
      if (renewed) (void)RenewCredentials(cluster.client.get(), properties);
      return true;
    }
    try {
      cluster.client = NewGrouplessClient(cluster.log_context, std::move(properties));
      cluster.last_answer = now;
      return true;
    } catch (const std::runtime_error& error) {
      Log().Debug("cannot query log end offsets", {{"error", error.what()}});
      return false;
    }
  }

  static bool Ask(rd_kafka_t* client, const task::Partitions& partitions, Entry& entry) {
    const PartitionListHandle list = ToList(partitions);
    for (int i = 0; i < list->cnt; ++i) list->elems[i].offset = RD_KAFKA_OFFSET_END;
    const auto code =
        rd_kafka_offsets_for_times(client, list.get(), static_cast<int>(kRequestTimeout.count()));
    DiscardErrors(client);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      Log().Debug("log end offsets query failed", {{"error", rd_kafka_err2str(code)}});
      return false;
    }
    const Time now = std::chrono::steady_clock::now();
    const std::lock_guard lock(entry.mutex);
    for (int i = 0; i < list->cnt; ++i) {
      const rd_kafka_topic_partition_t& element = list->elems[i];
      if (element.err != RD_KAFKA_RESP_ERR_NO_ERROR || element.offset < 0) continue;
      entry.ends[{element.topic, element.partition}] = {element.offset, now};
    }
    return true;
  }

  const milliseconds interval_;
  std::mutex mutex_;  // guards what follows, up to the thread; not held during requests
  std::condition_variable_any changed_;
  std::vector<std::shared_ptr<Cluster>> clusters_;
  bool woken_ = false;
  std::jthread thread_;  // last, because it uses all of the above
};

class LogEndOffsets::WatchImpl final : public Watch {
 public:
  WatchImpl(std::shared_ptr<Reader> reader, const Properties& properties)
      : reader_(std::move(reader)) {
    std::tie(cluster_, entry_) = reader_->Open(properties);
  }

  void SetPartitions(task::Partitions partitions) override {
    {
      const std::lock_guard lock(entry_->mutex);
      std::erase_if(entry_->ends, [&partitions](const auto& known) {
        return std::find(partitions.begin(), partitions.end(), known.first) == partitions.end();
      });
      entry_->partitions = std::move(partitions);
      entry_->due = {};
    }
    reader_->Wake();
  }

  std::optional<int64_t> EndOffset(const base::TopicPartition& partition) const override {
    const Time now = std::chrono::steady_clock::now();
    const std::lock_guard lock(entry_->mutex);
    const auto found = entry_->ends.find(partition);
    if (found == entry_->ends.end()) return std::nullopt;
    const auto& [end, read_at] = found->second;
    if (now - read_at > reader_->interval() * kMaxAgeIntervals) return std::nullopt;
    return end;
  }

  void Renew(const task::Credentials& credentials) override {
    reader_->Renew(*cluster_, credentials);
  }

 private:
  const std::shared_ptr<Reader> reader_;
  std::shared_ptr<Reader::Cluster> cluster_;
  std::shared_ptr<Reader::Entry> entry_;
};

LogEndOffsets::LogEndOffsets(milliseconds interval) : reader_(std::make_shared<Reader>(interval)) {}
LogEndOffsets::~LogEndOffsets() = default;

std::unique_ptr<LogEndOffsets::Watch> LogEndOffsets::Open(const Properties& properties) {
  return std::make_unique<WatchImpl>(reader_, properties);
}

}  // namespace khs::kafka
