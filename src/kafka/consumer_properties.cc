#include "kafka/consumer_properties.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string>

#include "kafka/record_queues.h"

namespace khs::kafka {
namespace {

// What the process and the connector may override. Prefetch is small: the task has a bounded queue
// of its own, and librdkafka's default would hold 64 MiB more. A fetch brings little of each
// partition, so that records of several are at hand at any time. Both limits are of one queue.
Properties Defaults(size_t prefetch_bytes) {
  const size_t share = prefetch_bytes / kRecordQueues;
  const size_t fetch = std::clamp<size_t>(share / 5, 16 << 10, 1 << 20);
  const size_t queue = std::max<size_t>(share / 5 * 4 / 1024, 64);
  Properties defaults{
      {"auto.offset.reset", "earliest"},
      {"queued.min.messages", std::to_string(kReadAheadRecords)},
      {"queued.max.messages.kbytes", std::to_string(queue)},
      {"fetch.message.max.bytes", std::to_string(fetch)},
      {"fetch.max.bytes", std::to_string(std::max<size_t>(prefetch_bytes / 2, 1 << 20))},
      {"topic.metadata.refresh.interval.ms", "30000"},
      {"socket.keepalive.enable", "true"}};
  // How long nothing is fetched after enough was read ahead: a second by default.
  if (!FetchNeedsNudge()) defaults["fetch.queue.backoff.ms"] = "5";
  return defaults;
}

// librdkafka takes no message limit above what is fetched at once, which is little here.
void AdmitLargeMessages(Properties& all) {
  const auto largest = all.find("message.max.bytes");
  if (largest == all.end()) return;
  const auto number = [](const base::Secret& text) {
    return std::strtoll(text.Reveal().c_str(), nullptr, 10);
  };
  base::Secret& fetched = all["fetch.max.bytes"];
  if (number(fetched) < number(largest->second)) fetched = largest->second;
}

// What makes "committed means done" true, and therefore nobody's to change.
Properties Managed(const std::string& group) {
  return {{"group.id", group},
          {"enable.auto.commit", "false"},
          {"enable.auto.offset.store", "false"},
          {"enable.partition.eof", "false"}};
}

}  // namespace

Properties ConsumerProperties(const Subscription& subscription, const Properties& properties) {
  Properties all = Managed(subscription.group);
  all.insert(properties.begin(), properties.end());
  const Properties defaults = Defaults(subscription.prefetch_bytes);
  all.insert(defaults.begin(), defaults.end());
  AdmitLargeMessages(all);
  return all;
}

bool BeginsAtEnd(const Properties& consumer) {
  // librdkafka takes any case.
  std::string reset = consumer.at("auto.offset.reset").Reveal();
  std::transform(reset.begin(), reset.end(), reset.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return reset == "latest" || reset == "largest" || reset == "end";
}

}  // namespace khs::kafka
