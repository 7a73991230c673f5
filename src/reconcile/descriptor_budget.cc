#include "reconcile/descriptor_budget.h"

#include <fmt/format.h>

namespace khs::reconcile {
namespace {

// The number of brokers until one has answered.
constexpr size_t kAssumedBrokers = 3;
// An endpoint client has epoll, an eventfd and a connection.
constexpr size_t kEndpointDescriptors = 3;

// Measured with librdkafka 2.0 and 2.8. A pipe (two descriptors) for each broker, for the client,
// for the group's coordinator and for a name of bootstrap.servers; a connection to each broker, to
// the coordinator and to the bootstrap broker.
size_t KafkaClientDescriptors(size_t brokers) { return 2 * (brokers + 3) + brokers + 2; }

}  // namespace

size_t DescriptorsOf(const config::ConnectorConfig& config, size_t brokers) {
  const size_t known = brokers > 0 ? brokers : kAssumedBrokers;
  size_t per_task = KafkaClientDescriptors(known) + kEndpointDescriptors;
  if (!config.dead_letters.topic.empty()) per_task += KafkaClientDescriptors(known);
  // Consumers with their own properties also need their own client for log end offsets.
  const bool shares = config.subscription.consumer_properties.empty();
  return per_task * static_cast<size_t>(config.tasks_max) +
         (shares ? 0 : KafkaClientDescriptors(known));
}

void DescriptorBudget::Begin(const DescriptorUse& use) {
  use_ = use;
  open_.reset();
  counted_ = 0;
  admitted_ = 0;
  has_connectors_ = false;
}

void DescriptorBudget::Count(const config::ConnectorConfig& config) {
  counted_ += DescriptorsOf(config, use_.brokers);
  has_connectors_ = true;
}

void DescriptorBudget::EndCount() {
  if (!has_connectors_) base_ = Open();
}

size_t DescriptorBudget::Open() {
  if (!open_) open_ = use_.open();
  return *open_;
}

bool DescriptorBudget::Take(size_t need) {
  if (Taken() + need > Usable()) return false;
  counted_ += need;
  admitted_ += need;
  return true;
}

std::string DescriptorBudget::Shortage(size_t need) {
  return fmt::format(
      "about {} file descriptors, and {} of the {} that connectors may use are taken (the limit is "
      "{}, of which {} are reserved)",
      need, Taken(), Usable(), use_.limit, use_.reserved);
}

std::optional<std::string> DescriptorBudget::Admit(const config::ConnectorConfig& config) {
  const size_t need = DescriptorsOf(config, use_.brokers);
  if (Take(need)) return std::nullopt;
  return "not started: it needs " + Shortage(need) +
         ". It starts when there are enough: raise the limit, or run fewer connectors";
}

std::optional<std::string> DescriptorBudget::AdmitChange(const config::ConnectorConfig& before,
                                                         const config::ConnectorConfig& after) {
  const size_t has = DescriptorsOf(before, use_.brokers);
  const size_t need = DescriptorsOf(after, use_.brokers);
  if (need <= has) {
    counted_ -= std::min(counted_, has - need);
    return std::nullopt;
  }
  if (Take(need - has)) return std::nullopt;
  return "the new definition is not applied and the last good one stays in use: in addition it "
         "needs " +
         Shortage(need - has) +
         ". It is applied when there are enough: raise the limit, or run fewer connectors or tasks";
}

void DescriptorBudget::Release(const config::ConnectorConfig& config) {
  counted_ -= std::min(counted_, DescriptorsOf(config, use_.brokers));
}

}  // namespace khs::reconcile
