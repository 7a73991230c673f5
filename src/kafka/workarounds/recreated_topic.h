#pragma once

#include <optional>
#include <set>
#include <string>

#include "task/record_source.h"

// Workaround: when a topic is recreated, the client's cache of topic ids keeps a pointer to freed
// memory. The client crashes later, or reads nothing any more.
//
// https://github.com/confluentinc/librdkafka/issues/4778
// https://github.com/confluentinc/librdkafka/issues/4964
// From 2.4 on and before 2.10. Obsolete from 2.10 on.

namespace khs::kafka {

bool SurvivesRecreatedTopic();

// Asks for another client after a topic was recreated; the next client finds the same loss. Owned
// by Consumer::Client and used by the task's poll thread.
class RecreatedTopics {
 public:
  void OnAssigned(const task::Partitions& partitions);
  // The error that makes the task replace the consumer; nothing when the client can go on.
  std::optional<task::SourceError> Check(const task::Losses& losses) const;

 private:
  std::set<std::string> assigned_;  // topics that were assigned at any time
};

}  // namespace khs::kafka
