#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace khs::config {

// Topics that hold Kafka's own state. A connector that consumed them would feed itself: each of its
// commits is a record of __consumer_offsets.
constexpr std::array<std::string_view, 5> kInternalTopics = {
    "__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata",
    "__remote_log_metadata"};

inline bool IsInternalTopic(std::string_view topic) {
  return std::find(kInternalTopics.begin(), kInternalTopics.end(), topic) != kInternalTopics.end();
}

}  // namespace khs::config
