#include "reconcile/descriptor_budget.h"

#include <fmt/format.h>

namespace khs::reconcile {
namespace {

// As long as no broker has answered.
constexpr size_t kAssumedBrokers = 3;
// epoll, eventfd and a connection.
constexpr size_t kOfEndpoint = 3;

// Measured on librdkafka 2.0 and 2.8. Each broker has a pipe, and so have the two of a client that
// stand for itself and for the group's coordinator; one name of bootstrap.servers may stay beside
// the brokers that it led to. Connections are open to the brokers, the coordinator, and to the one
// that was asked first.
size_t OfKafkaClient(size_t brokers) { return 2 * (brokers + 3) + brokers + 2; }

}  // namespace

size_t DescriptorsOf(const config::ConnectorConfig& config, size_t brokers) {
  const size_t known = brokers > 0 ? brokers : kAssumedBrokers;
  size_t of_task = OfKafkaClient(known) + kOfEndpoint;
  if (!config.dead_letters.topic.empty()) of_task += OfKafkaClient(known);
  // One with properties of its own also asks for the ends of its logs by a client of its own.
  const bool shares = config.subscription.consumer_properties.empty();
  return of_task * static_cast<size_t>(config.tasks_max) + (shares ? 0 : OfKafkaClient(known));
}

void DescriptorBudget::Begin(const DescriptorUse& use) {
  use_ = use;
  open_.reset();
  counted_ = 0;
  admitted_ = 0;
  any_ = false;
}

void DescriptorBudget::Count(const config::ConnectorConfig& config) {
  counted_ += DescriptorsOf(config, use_.brokers);
  any_ = true;
}

void DescriptorBudget::EndCount() {
  if (!any_) base_ = Open();
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
  return "the new definition is not applied and the last good one goes on: besides what the "
         "connector has it needs " +
         Shortage(need - has) +
         ". It is applied when there are enough: raise the limit, or run fewer connectors or tasks";
}

void DescriptorBudget::Release(const config::ConnectorConfig& config) {
  counted_ -= std::min(counted_, DescriptorsOf(config, use_.brokers));
}

}  // namespace khs::reconcile
