#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "config/connector_config.h"

namespace khs::reconcile {

// What the system and the brokers say of this process.
struct DescriptorUse {
  size_t limit = 0;
  size_t reserved = 0;           // of the limit, not for connectors (base/descriptors.h)
  size_t brokers = 0;            // of the cluster; 0: not known yet
  std::function<size_t()> open;  // counts those that are open, which takes its time
};

// How many file descriptors a connector needs: what its Kafka clients hold, and one connection of
// each task to its endpoint. More connections are made only where there is room. Pure.
size_t DescriptorsOf(const config::ConnectorConfig& config, size_t brokers);

// Decides which connectors may run with the file descriptors that there are. A connector counts by
// what it needs from the moment it is started, since it opens that only by and by. The
// reconciler's thread.
class DescriptorBudget {
 public:
  // Begins a pass over all connectors, none of which is counted yet.
  void Begin(const DescriptorUse& use);
  // Counts one that runs, or still ends.
  void Count(const config::ConnectorConfig& config);
  // Those that were counted are all, so this is what the process needs without connectors.
  void EndCount();

  // Counts another one; nothing when it fits, or why it does not, and then it is not counted.
  std::optional<std::string> Admit(const config::ConnectorConfig& config);
  // The same for a new definition of one that is counted by its old one.
  std::optional<std::string> AdmitChange(const config::ConnectorConfig& before,
                                         const config::ConnectorConfig& after);
  // Those that are counted need more than there is: the limit fell, or the brokers are more.
  bool exceeded() const { return base_ + counted_ > Usable(); }
  bool knows_brokers() const { return use_.brokers > 0; }
  // Counts one less.
  void Release(const config::ConnectorConfig& config);

 private:
  size_t Usable() const { return use_.limit - use_.reserved; }
  size_t Taken() { return std::max(Open() + admitted_, base_ + counted_); }
  size_t Open();
  // Counts so many more, when there is room for them.
  bool Take(size_t need);
  std::string Shortage(size_t need);

  DescriptorUse use_;
  std::optional<size_t> open_;  // once somebody has to know
  size_t base_ = 0;             // were open when no connector ran
  bool any_ = false;
  size_t counted_ = 0;
  size_t admitted_ = 0;  // in this pass, so not open yet
};

}  // namespace khs::reconcile
