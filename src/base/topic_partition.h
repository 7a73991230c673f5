#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

namespace khs::base {

// Names a partition of a topic.
struct TopicPartition {
  std::string topic;
  int32_t partition = 0;

  auto operator<=>(const TopicPartition&) const = default;
};

}  // namespace khs::base

template <>
struct std::hash<khs::base::TopicPartition> {
  size_t operator()(const khs::base::TopicPartition& tp) const noexcept {
    return std::hash<std::string>{}(tp.topic) * 31 + static_cast<size_t>(tp.partition);
  }
};
