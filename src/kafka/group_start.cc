#include "kafka/group_start.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "base/encoding.h"

namespace khs::kafka {
namespace {

constexpr std::string_view kPrefix = "start=";
constexpr char kEnd = ';';
// For this long after a group's start another member may not have committed its partitions yet.
constexpr int64_t kYoungGroupMs = 5 * 60 * 1000;

template <class T>
bool TakeNumber(std::string_view& text, int base, T& number) {
  if (text.starts_with('-')) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

bool TakeCharacter(std::string_view& text, char character) {
  if (text.empty() || text.front() != character) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

uint32_t SubscriptionId(const Subscription& subscription) {
  std::vector<std::string> topics = subscription.topics;
  std::sort(topics.begin(), topics.end());
  std::string all;
  for (const std::string& topic : topics) all += topic + ',';
  return base::Crc32(topics.empty() ? '^' + subscription.topics_regex : all);
}

// start=TIME,SUBSCRIPTION,PARTITIONS; where SUBSCRIPTION is hexadecimal.
std::string PrependGroupStart(const GroupStart& start, const std::string& topic,
                              std::string_view metadata) {
  const auto partitions = start.partitions.find(topic);
  char subscription[9] = {};
  const auto end =
      std::to_chars(std::begin(subscription), std::end(subscription), start.subscription, 16);
  return std::string(kPrefix) + std::to_string(start.time_ms) + ',' +
         std::string(subscription, end.ptr) + ',' +
         std::to_string(partitions == start.partitions.end() ? 0 : partitions->second) + kEnd +
         std::string(metadata);
}

std::pair<std::optional<GroupStart>, std::string> SplitGroupStart(const std::string& topic,
                                                                  std::string metadata) {
  std::string_view text = metadata;
  if (!text.starts_with(kPrefix)) return {std::nullopt, std::move(metadata)};
  text.remove_prefix(kPrefix.size());
  GroupStart start;
  int32_t partitions = 0;
  const bool valid = TakeNumber(text, 10, start.time_ms) && TakeCharacter(text, ',') &&
                     TakeNumber(text, 16, start.subscription) && TakeCharacter(text, ',') &&
                     TakeNumber(text, 10, partitions) && TakeCharacter(text, kEnd);
  if (!valid) return {std::nullopt, std::move(metadata)};
  start.partitions.emplace(topic, partitions);
  return {std::move(start), std::string(text)};
}

void MergeGroupStart(std::optional<GroupStart>& known, const std::optional<GroupStart>& other) {
  if (!other) return;
  if (!known) {
    known = other;
    return;
  }
  if (other->time_ms < known->time_ms) {
    known->time_ms = other->time_ms;
    known->subscription = other->subscription;
  }
  for (const auto& [topic, count] : other->partitions) {
    const auto [found, added] = known->partitions.emplace(topic, count);
    if (!added) found->second = std::min(found->second, count);
  }
}

LatestStart DecideLatest(const std::optional<GroupStart>& start, uint32_t subscription,
                         int64_t now_ms, const base::TopicPartition& partition) {
  if (!start) return LatestStart::kEnd;
  const auto partitions = start->partitions.find(partition.topic);
  if (partitions != start->partitions.end()) {
    return partition.partition < partitions->second ? LatestStart::kSinceStart
                                                    : LatestStart::kBeginning;
  }
  // If the topic had existed when the group started, it would have been committed then.
  const bool would_be_committed =
      start->subscription == subscription && now_ms - start->time_ms > kYoungGroupMs;
  return would_be_committed ? LatestStart::kBeginning : LatestStart::kSinceStart;
}

}  // namespace khs::kafka
