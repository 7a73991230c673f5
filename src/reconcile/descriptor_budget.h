#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "config/connector_config.h"

namespace khs::reconcile {

// The file descriptors of the process.
struct DescriptorUse {
  size_t limit = 0;
  size_t reserved = 0;  // part of the limit that connectors must not use (base/descriptors.h)
  size_t brokers = 0;   // of the cluster; 0 while unknown
  std::function<size_t()> open;  // counts the open ones, which is slow
};

// The file descriptors that a connector needs: those of its Kafka clients, and one connection of
// each task to its endpoint. Further connections use what is free. Pure.
size_t DescriptorsOf(const config::ConnectorConfig& config, size_t brokers);

// Decides which connectors may run with the available file descriptors. A connector's need counts
// from its start on, because it opens its descriptors gradually. Owned by the fleet and used by the
// reconciler's thread.
class DescriptorBudget {
 public:
  // Begins a pass over all connectors.
  void Begin(const DescriptorUse& use);
  // Counts a connector that runs or drains.
  void Count(const config::ConnectorConfig& config);
  // Ends the pass. Without connectors, what is open is the base need of the process.
  void EndCount();

  // Counts another connector if it fits. Otherwise returns why not.
  std::optional<std::string> Admit(const config::ConnectorConfig& config);
  // The same for a new definition of a connector that is counted already.
  std::optional<std::string> AdmitChange(const config::ConnectorConfig& before,
                                         const config::ConnectorConfig& after);
  // Whether the counted connectors need too much: the limit fell, or brokers were added.
  bool exceeded() const { return base_ + counted_ > Usable(); }
  bool knows_brokers() const { return use_.brokers > 0; }
  // Removes a connector from the count.
  void Release(const config::ConnectorConfig& config);

 private:
  size_t Usable() const { return use_.limit - use_.reserved; }
  size_t Taken() { return std::max(Open() + admitted_, base_ + counted_); }
  size_t Open();
  // Counts `need` descriptors if they fit.
  bool Take(size_t need);
  std::string Shortage(size_t need);

  DescriptorUse use_;
  std::optional<size_t> open_;  // counted when first needed
  size_t base_ = 0;             // open while no connector ran
  bool has_connectors_ = false;
  size_t counted_ = 0;
  size_t admitted_ = 0;  // in this pass, and not open yet
};

}  // namespace khs::reconcile
