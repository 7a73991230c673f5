#include "kafka/log_ends.h"

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

// It also bounds how long the end of the process waits for a broker that does not answer.
constexpr milliseconds kAnswerWithin{1'000};
// An end that was not confirmed for so many intervals is not known any more.
constexpr int kIntervalsKept = 6;
// Then the client is made anew: it may have read certificates that were replaced since.
constexpr std::chrono::minutes kLongestSilence{1};

// The consumers report what is wrong with the brokers; here it would only pile up.
void ForgetErrors(rd_kafka_t* client) {
  const QueueHandle errors(rd_kafka_queue_get_main(client));
  while (EventHandle(rd_kafka_queue_poll(errors.get(), 0))) {
  }
}

}  // namespace

class LogEnds::Reader {
 public:
  // Of one consumer.
  struct Wanted {
    std::mutex mutex;  // guards the rest
    task::Partitions partitions;
    Time due;  // to be asked for
    std::map<base::TopicPartition, std::pair<int64_t, Time>> ends;
  };

  // Of the consumers with the same properties.
  struct Cluster {
    explicit Cluster(const Properties& properties)
        : opened_with(properties), voice({}, properties) {}

    // Guarded by the reader's mutex.
    const Properties opened_with;
    std::optional<task::Credentials> credentials;  // since then
    bool renewed = false;
    std::vector<std::weak_ptr<Wanted>> wanted;
    // The reader's thread alone.
    ClientVoice voice;  // the process's
    ClientHandle client;
    Time last_answer;
  };

  explicit Reader(milliseconds interval)
      : interval_(interval), thread_([this](const std::stop_token& stop) { Run(stop); }) {}

  milliseconds interval() const { return interval_; }

  std::pair<std::shared_ptr<Cluster>, std::shared_ptr<Wanted>> Open(const Properties& properties) {
    const std::lock_guard lock(mutex_);
    auto found = std::find_if(clusters_.begin(), clusters_.end(), [&](const auto& cluster) {
      return cluster->opened_with == properties;
    });
    if (found == clusters_.end()) {
      clusters_.push_back(std::make_shared<Cluster>(properties));
      found = std::prev(clusters_.end());
    }
    auto wanted = std::make_shared<Wanted>();
    (*found)->wanted.push_back(wanted);
    return {*found, std::move(wanted)};
  }

  void Renew(Cluster& cluster, const task::Credentials& credentials) {
    cluster.voice.redactor.Renew(credentials.username, credentials.password);
    const std::lock_guard lock(mutex_);
    cluster.credentials = credentials;
    cluster.renewed = true;
  }

  // Somebody follows other partitions.
  void Hurry() {
    const std::lock_guard lock(mutex_);
    hurried_ = true;
    changed_.notify_all();
  }

 private:
  void Run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      for (const auto& cluster : TakeStock()) AskCluster(*cluster, stop);
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, stop, interval_ / 2, [this] { return hurried_; });
      hurried_ = false;
    }
  }

  // Clients that nobody has a use for end here, and not under the lock.
  std::vector<std::shared_ptr<Cluster>> TakeStock() {
    std::vector<std::shared_ptr<Cluster>> unused;
    const std::lock_guard lock(mutex_);
    std::erase_if(clusters_, [&unused](const auto& cluster) {
      std::erase_if(cluster->wanted, [](const auto& wanted) { return wanted.expired(); });
      if (cluster->wanted.empty()) unused.push_back(cluster);
      return cluster->wanted.empty();
    });
    return clusters_;
  }

  void AskCluster(Cluster& cluster, const std::stop_token& stop) {
    std::vector<std::shared_ptr<Wanted>> all;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& each : cluster.wanted) {
        if (auto wanted = each.lock()) all.push_back(std::move(wanted));
      }
    }
    for (const auto& wanted : all) {
      if (stop.stop_requested()) return;
      const task::Partitions partitions = TakeDue(*wanted);
      if (partitions.empty() || !Connect(cluster)) continue;
      if (Ask(cluster.client.get(), partitions, *wanted)) {
        cluster.last_answer = std::chrono::steady_clock::now();
      }
    }
  }

  task::Partitions TakeDue(Wanted& wanted) const {
    const Time now = std::chrono::steady_clock::now();
    const std::lock_guard lock(wanted.mutex);
    if (now < wanted.due) return {};
    wanted.due = now + interval_;
    return wanted.partitions;
  }

  // False when there is no client to be had.
  bool Connect(Cluster& cluster) {
    Properties properties;
    bool renewed = false;
    {
      const std::lock_guard lock(mutex_);
      properties = cluster.opened_with;
      renewed = std::exchange(cluster.renewed, false);
      if (cluster.credentials) {
        properties["sasl.username"] = cluster.credentials->username;
        properties["sasl.password"] = cluster.credentials->password;
      }
    }
    const Time now = std::chrono::steady_clock::now();
    if (cluster.client && now - cluster.last_answer < kLongestSilence) {
      if (renewed) {
        (void)ErrorHandle(rd_kafka_sasl_set_credentials(
            cluster.client.get(), properties["sasl.username"].Reveal().c_str(),
            properties["sasl.password"].Reveal().c_str()));
      }
      return true;
    }
    try {
      cluster.client = NewOutsider(cluster.voice, std::move(properties));
      cluster.last_answer = now;
      return true;
    } catch (const std::runtime_error& error) {
      Log().Debug("cannot ask for the ends of logs", {{"error", error.what()}});
      return false;
    }
  }

  static bool Ask(rd_kafka_t* client, const task::Partitions& partitions, Wanted& wanted) {
    const PartitionListHandle list = ToList(partitions);
    for (int i = 0; i < list->cnt; ++i) list->elems[i].offset = RD_KAFKA_OFFSET_END;
    const auto code =
        rd_kafka_offsets_for_times(client, list.get(), static_cast<int>(kAnswerWithin.count()));
    ForgetErrors(client);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      Log().Debug("the ends of logs are not known", {{"error", rd_kafka_err2str(code)}});
      return false;
    }
    const Time now = std::chrono::steady_clock::now();
    const std::lock_guard lock(wanted.mutex);
    for (int i = 0; i < list->cnt; ++i) {
      const rd_kafka_topic_partition_t& element = list->elems[i];
      if (element.err != RD_KAFKA_RESP_ERR_NO_ERROR || element.offset < 0) continue;
      wanted.ends[{element.topic, element.partition}] = {element.offset, now};
    }
    return true;
  }

  const milliseconds interval_;
  std::mutex mutex_;  // guards what follows, up to the thread; never held while asking
  std::condition_variable_any changed_;
  std::vector<std::shared_ptr<Cluster>> clusters_;
  bool hurried_ = false;
  std::jthread thread_;  // last: it uses all of the above
};

class LogEnds::Subscriber final : public Watch {
 public:
  Subscriber(std::shared_ptr<Reader> reader, const Properties& properties)
      : reader_(std::move(reader)) {
    std::tie(cluster_, wanted_) = reader_->Open(properties);
  }

  void Follow(task::Partitions partitions) override {
    {
      const std::lock_guard lock(wanted_->mutex);
      std::erase_if(wanted_->ends, [&partitions](const auto& known) {
        return std::find(partitions.begin(), partitions.end(), known.first) == partitions.end();
      });
      wanted_->partitions = std::move(partitions);
      wanted_->due = {};
    }
    reader_->Hurry();
  }

  std::optional<int64_t> End(const base::TopicPartition& partition) const override {
    const Time now = std::chrono::steady_clock::now();
    const std::lock_guard lock(wanted_->mutex);
    const auto found = wanted_->ends.find(partition);
    if (found == wanted_->ends.end()) return std::nullopt;
    const auto& [end, confirmed] = found->second;
    if (now - confirmed > reader_->interval() * kIntervalsKept) return std::nullopt;
    return end;
  }

  void Renew(const task::Credentials& credentials) override {
    reader_->Renew(*cluster_, credentials);
  }

 private:
  const std::shared_ptr<Reader> reader_;
  std::shared_ptr<Reader::Cluster> cluster_;
  std::shared_ptr<Reader::Wanted> wanted_;
};

LogEnds::LogEnds(milliseconds interval) : reader_(std::make_shared<Reader>(interval)) {}
LogEnds::~LogEnds() = default;

std::unique_ptr<LogEnds::Watch> LogEnds::Open(const Properties& properties) {
  return std::make_unique<Subscriber>(reader_, properties);
}

}  // namespace khs::kafka
