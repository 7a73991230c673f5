#include "kafka/consumer_properties.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "kafka/record_queues.h"
#include "kafka/workarounds/fetch_nudge.h"

namespace khs::kafka {
namespace {

// Prefetch is small because the task has a bounded queue of its own; librdkafka's default would
// hold 64 MiB more. A fetch is limited to a small part of a partition, so that records of several
// partitions are there at any time. Both limits apply to one queue.
Properties Defaults(size_t prefetch_bytes) {
  const size_t share = prefetch_bytes / kRecordQueues;
  const size_t fetch = std::clamp<size_t>(share / 5, 16 << 10, 1 << 20);
  const size_t queue = std::max<size_t>(share / 5 * 4 / 1024, 64);
  Properties defaults{
      {std::string(kResetProperty), "earliest"},
      {"queued.min.messages", std::to_string(kReadAheadRecords)},
      {"queued.max.messages.kbytes", std::to_string(queue)},
      {"fetch.message.max.bytes", std::to_string(fetch)},
      {"fetch.max.bytes", std::to_string(std::max<size_t>(prefetch_bytes / 2, 1 << 20))},
      {"session.timeout.ms", "10000"},
      {"topic.metadata.refresh.interval.ms", "30000"},
      {"socket.keepalive.enable", "true"}};
  // The pause in fetching once enough was read ahead. The default is a second.
  if (!NeedsFetchNudge()) defaults["fetch.queue.backoff.ms"] = "5";
  return defaults;
}

long long Number(const base::Secret& text) {
  return std::strtoll(text.Reveal().c_str(), nullptr, 10);
}

// librdkafka requires fetch.max.bytes >= message.max.bytes.
void RaiseFetchMaxBytes(Properties& all) {
  const auto largest = all.find("message.max.bytes");
  if (largest == all.end()) return;
  base::Secret& fetched = all["fetch.max.bytes"];
  if (Number(fetched) < Number(largest->second)) fetched = largest->second;
}

// A third of the session, so that three heartbeats fit into a short session as well.
void SetHeartbeat(Properties& all) {
  const long long session = Number(all["session.timeout.ms"]);
  all.insert(
      {"heartbeat.interval.ms", std::to_string(std::clamp<long long>(session / 3, 1, 3000))});
}

// A regular expression that matches exactly this topic name.
std::string RegexFor(const std::string& topic) {
  std::string pattern = "^";
  for (const char c : topic) {
    if (c == '.') pattern += '\\';
    pattern += c;
  }
  return pattern + '$';
}

// A subscription by names gets no blacklist: if the list matched one of the names, librdkafka would
// read no topic at all, without an error.
void ExcludeTopics(const Subscription& subscription, Properties& all) {
  if (!subscription.topics.empty()) {
    all.erase("topic.blacklist");
    return;
  }
  base::Secret& blacklist = all["topic.blacklist"];
  std::string patterns = blacklist.Reveal();
  for (const std::string& topic : subscription.excluded_topics) {
    patterns += (patterns.empty() ? "" : ",") + RegexFor(topic);
  }
  blacklist = blacklist.is_from_reference() ? base::Secret::FromReference(patterns) : patterns;
}

// Offsets are committed by hand, when their records are finished. Nobody may override this.
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
  RaiseFetchMaxBytes(all);
  SetHeartbeat(all);
  ExcludeTopics(subscription, all);
  return all;
}

std::optional<std::string> ValidateHeartbeat(const Properties& consumer) {
  const base::Secret& session = consumer.at("session.timeout.ms");
  if (Number(consumer.at("heartbeat.interval.ms")) < Number(session)) return std::nullopt;
  const std::string shown = session.is_from_reference() ? "[hidden]" : session.Reveal();
  return "heartbeat.interval.ms must be lower than session.timeout.ms, which is " + shown;
}

ResetPolicy ResetPolicyOf(const Properties& consumer) {
  const std::string& value = consumer.at(std::string(kResetProperty)).Reveal();
  const auto policy = ParseResetPolicy(value);
  if (!policy) throw std::runtime_error(std::string(kResetProperty) + ": " + kResetPolicies);
  return *policy;
}

}  // namespace khs::kafka
