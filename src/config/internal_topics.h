#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace khs::config {

// Kafka's internal topics. A connector must not consume them: each of its commits would add a
// record to __consumer_offsets, for example.
constexpr std::array<std::string_view, 5> kInternalTopics = {
    "__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata",
    "__remote_log_metadata"};

inline bool IsInternalTopic(std::string_view topic) {
  return std::find(kInternalTopics.begin(), kInternalTopics.end(), topic) != kInternalTopics.end();
}

}  // namespace khs::config
