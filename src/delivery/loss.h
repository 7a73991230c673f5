#pragma once

#include <array>
#include <string_view>

namespace khs::delivery {

// Why undelivered records can no longer be read from Kafka.
enum class LossReason {
  kRetention,  // the log starts after them (retention, DeleteRecords)
  kTruncated,  // the log ends before the position that was read
  kRecreated,  // the topic was deleted and created again
};
inline constexpr std::array kLossReasons{LossReason::kRetention, LossReason::kTruncated,
                                         LossReason::kRecreated};

constexpr std::string_view Label(LossReason reason) {
  switch (reason) {
    case LossReason::kRetention:
      return "retention";
    case LossReason::kTruncated:
      return "truncated";
    case LossReason::kRecreated:
      return "recreated";
  }
  return "";
}

}  // namespace khs::delivery
