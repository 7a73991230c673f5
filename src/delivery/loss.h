#pragma once

#include <array>
#include <string_view>

namespace khs::delivery {

// Why records can no longer be read from Kafka although they were not delivered.
enum class LossReason {
  kRetention,  // the log starts behind them (retention, DeleteRecords)
  kTruncated,  // the log ends before the position that was reached
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
