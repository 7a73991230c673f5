#include "config/java_client.h"

#include <algorithm>

namespace khs::config {
namespace {

constexpr JavaProperty kProperties[] = {
    {"auto.commit.interval.ms", "", "see `offset.flush.interval.ms`"},
    {"auto.include.jmx.reporter", ""},
    {"buffer.memory", ""},
    {"default.api.timeout.ms", ""},
    {"fetch.max.wait.ms", "fetch.wait.max.ms"},
    {"group.remote.assignor", ""},
    {"internal.leave.group.on.close", ""},
    {"internal.throw.on.fetch.stable.offset.unsupported", ""},
    {"key.serializer", ""},
    {"max.block.ms", ""},
    {"max.poll.records", "", "see `delivery.queue.max.bytes`"},
    {"max.request.size", "message.max.bytes"},
    {"metadata.max.age.ms", "topic.metadata.refresh.interval.ms",
     "also where librdkafka's property of this name is meant, which is set to match"},
    {"metadata.max.idle.ms", ""},
    {"metadata.recovery.rebootstrap.trigger.ms", ""},
    {"metadata.recovery.strategy", ""},
    {"metric.reporters", "", "see *Metrics*"},
    {"metrics.context.*", ""},
    {"metrics.num.samples", ""},
    {"metrics.recording.level", ""},
    {"metrics.sample.window.ms", ""},
    {"partitioner.adaptive.partitioning.enable", ""},
    {"partitioner.availability.timeout.ms", ""},
    {"partitioner.class", ""},
    {"partitioner.ignore.keys", ""},
    {"receive.buffer.bytes", "socket.receive.buffer.bytes"},
    {"request.timeout.ms", "socket.timeout.ms",
     "also where librdkafka's property of this name is meant, which is about producers"},
    {"sasl.kerberos.ticket.renew.jitter", ""},
    {"sasl.kerberos.ticket.renew.window.factor", ""},
    {"sasl.login.connect.timeout.ms", ""},
    {"sasl.login.read.timeout.ms", ""},
    {"sasl.login.refresh.buffer.seconds", ""},
    {"sasl.login.refresh.min.period.seconds", ""},
    {"sasl.login.refresh.window.factor", ""},
    {"sasl.login.refresh.window.jitter", ""},
    {"sasl.login.retry.backoff.max.ms", ""},
    {"sasl.login.retry.backoff.ms", ""},
    {"sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.id"},
    {"sasl.oauthbearer.client.credentials.client.secret", "sasl.oauthbearer.client.secret"},
    {"sasl.oauthbearer.clock.skew.seconds", ""},
    {"sasl.oauthbearer.expected.audience", ""},
    {"sasl.oauthbearer.expected.issuer", ""},
    {"sasl.oauthbearer.header.urlencode", ""},
    {"sasl.oauthbearer.jwks.*", ""},
    {"sasl.oauthbearer.scope.claim.name", ""},
    {"sasl.oauthbearer.sub.claim.name", ""},
    {"security.providers", "", "TLS is OpenSSL's"},
    {"send.buffer.bytes", "socket.send.buffer.bytes"},
    {"socket.connection.setup.timeout.max.ms", ""},
    {"ssl.keymanager.algorithm", ""},
    {"ssl.protocol", ""},
    {"ssl.provider", ""},
    {"ssl.secure.random.implementation", ""},
    {"ssl.trustmanager.algorithm", ""},
    {"value.serializer", ""},
};

bool Names(const JavaProperty& property, std::string_view name) {
  if (!property.name.ends_with(".*")) return property.name == name;
  return name.starts_with(property.name.substr(0, property.name.size() - 1));
}

}  // namespace

std::span<const JavaProperty> JavaProperties() { return kProperties; }

const JavaProperty* FindJavaProperty(std::string_view name) {
  const auto* const found =
      std::find_if(std::begin(kProperties), std::end(kProperties),
                   [name](const JavaProperty& property) { return Names(property, name); });
  return found == std::end(kProperties) ? nullptr : found;
}

}  // namespace khs::config
