#include "kafka/workarounds/fetch_nudge.h"

#include "kafka/conversions.h"
#include "kafka/record_queues.h"

namespace khs::kafka {
namespace {

constexpr std::chrono::milliseconds kTimeout{50};
constexpr std::chrono::milliseconds kPauseAfterFailure{1000};

}  // namespace

bool NeedsFetchNudge() { return rd_kafka_version() < 0x02020000; }

void FetchNudge::OnTaken(size_t messages, size_t bytes) {
  taken_ += messages;
  taken_bytes_ += bytes;
}

bool FetchNudge::is_due() const {
  return taken_bytes_ >= queue_bytes_ / 2 || taken_ >= kReadAheadRecords / 2;
}

void FetchNudge::Send(const task::Partitions& assigned) {
  taken_ = 0;
  taken_bytes_ = 0;
  if (!NeedsFetchNudge() || assigned.empty()) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_nudge_) return;
  const PartitionListHandle list = ToList(assigned);
  for (int i = 0; i < list->cnt; ++i) list->elems[i].offset = RD_KAFKA_OFFSET_END;
  const auto code =
      rd_kafka_offsets_for_times(client_, list.get(), static_cast<int>(kTimeout.count()));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) next_nudge_ = now + kPauseAfterFailure;
}

}  // namespace khs::kafka
