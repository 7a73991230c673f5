#include "kafka/workarounds/recreated_topic.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>

namespace khs::kafka {

bool SurvivesRecreatedTopic() {
  return rd_kafka_version() < 0x02040000 || rd_kafka_version() >= 0x020a0000;
}

void RecreatedTopics::OnAssigned(const task::Partitions& partitions) {
  for (const base::TopicPartition& partition : partitions) assigned_.insert(partition.topic);
}

std::optional<task::SourceError> RecreatedTopics::Check(const task::Losses& losses) const {
  if (SurvivesRecreatedTopic()) return std::nullopt;
  const auto recreated = std::find_if(losses.begin(), losses.end(), [this](const task::Loss& loss) {
    return loss.reason == delivery::LossReason::kRecreated &&
           assigned_.contains(loss.topic_partition.topic);
  });
  if (recreated == losses.end()) return std::nullopt;
  return task::SourceError{
      task::ErrorClass::kObsolete, "TOPIC_RECREATED",
      "topic " + recreated->topic_partition.topic + " was recreated, so the client is replaced"};
}

}  // namespace khs::kafka
