#include "config/connector_values.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "config/definitions.h"
#include "config/endpoint_url.h"
#include "config/foreign_connector.h"
#include "config/headers.h"
#include "config/internal_topics.h"
#include "config/row_setters.h"
#include "config/text.h"
#include "config/topics_regex.h"

namespace khs::config {
namespace {

template <class T, size_t kCount>
using Choices = std::array<std::pair<std::string_view, T>, kCount>;

// A name is part of its connector's URLs, where it may take three times the bytes, and of Kafka's
// requests, where a string's length has two bytes.
constexpr size_t kMaxNameBytes = 1024;
constexpr size_t kMaxTopics = 10'000;

std::string ValidateTopic(std::string_view topic, bool is_hidden) {
  if (topic.empty()) return "a topic is missing between two commas";
  if (IsInternalTopic(topic)) return "an internal topic of Kafka cannot be used";
  if (IsTopicName(topic)) return {};
  return (is_hidden ? "a topic" : '"' + Abbreviate(topic) + '"') + std::string(kInvalidTopicName);
}

std::string ValidateNameLength(std::string_view name) {
  if (name.size() <= kMaxNameBytes) return {};
  return "a name is at most " + std::to_string(kMaxNameBytes) + " bytes long";
}

// Returns whether a consumer property is a name in Kafka's requests.
bool IsNameProperty(std::string_view property) {
  return property == "group.id" || property == "group.instance.id" || property == "client.id" ||
         property == "client.rack";
}

base::Secret SecretOf(const Value& value) {
  return value.is_hidden() ? base::Secret::FromReference(value.text) : base::Secret(value.text);
}

bool IsClass(std::string_view text, std::string_view name, std::string_view package) {
  return text == name || text == std::string(package) + '.' + std::string(name);
}

enum class Converter { kString, kByteArray, kOther };

Converter ConverterOf(const Value& value) {
  const std::string_view text = Trim(value.text);
  if (IsClass(text, "StringConverter", "org.apache.kafka.connect.storage")) {
    return Converter::kString;
  }
  if (IsClass(text, "ByteArrayConverter", "org.apache.kafka.connect.converters")) {
    return Converter::kByteArray;
  }
  return Converter::kOther;
}

}  // namespace

Outcome SetBackoff(const Value& value, delivery::Backoff& target) {
  std::vector<delivery::Milliseconds> delays;
  for (const std::string& element : value.list) {
    const auto delay = ParseSeconds(element, std::chrono::seconds(kMaxBackoff), value.is_hidden());
    if (!delay) return Invalid(delay.error());
    delays.push_back(*delay);
  }
  target = delivery::Backoff(std::move(delays));
  return Accepted();
}

Outcome SetSecret(const Value& value, base::Secret& target) {
  target = SecretOf(value);
  return Accepted();
}

Outcome SetName(const Value& value, ConnectorDraft& draft) {
  if (value.text.empty()) return Invalid("String may not be empty");
  if (!IsUtf8(value.text)) return Invalid("must be valid UTF-8");
  if (HasControlCharacter(value.text)) return Invalid("must not contain control characters");
  if (std::string reason = ValidateNameLength(value.text); !reason.empty()) {
    return Invalid(std::move(reason));
  }
  draft.config.name = value.text;
  return Accepted();
}

Outcome ValidateConnectorClass(const Value& value, ConnectorDraft&) {
  const std::string_view text = Trim(value.text);
  std::string names;
  for (const std::string_view name : kConnectorClasses) {
    if (text == name) return Accepted();
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  std::string reason = "String must be one of: " + names;
  if (const auto kind = KindOfClass(text)) {
    reason += "; kafka-http-sink convert converts a definition of " + std::string(NameOf(*kind));
  }
  return Invalid(std::move(reason));
}

Outcome SetTopics(const Value& value, ConnectorDraft& draft) {
  if (value.list.size() > kMaxTopics) {
    return Invalid("at most " + std::to_string(kMaxTopics) + " topics are allowed, but there are " +
                   std::to_string(value.list.size()));
  }
  std::vector<std::string> topics;
  std::set<std::string_view> seen;
  std::string repeated;
  for (const std::string& topic : value.list) {
    if (std::string reason = ValidateTopic(topic, value.is_hidden()); !reason.empty()) {
      return Invalid(std::move(reason));
    }
    if (seen.insert(topic).second) {
      topics.push_back(topic);
    } else {
      repeated = topic;
    }
  }
  draft.config.subscription.topics = std::move(topics);
  if (repeated.empty()) return Accepted();
  return AcceptedWithWarning((value.is_hidden() ? "A topic" : "The topic " + repeated) +
                             " is listed twice");
}

Outcome SetTopicsRegex(const Value& value, ConnectorDraft& draft) {
  if (Trim(value.text).empty()) return Accepted();
  if (std::string reason = ValidateTopicsRegex(value.text); !reason.empty()) {
    return Invalid(std::move(reason));
  }
  draft.config.subscription.topics_regex = value.text;
  if (value.text.find("\\d") == std::string::npos) return Accepted();
  return AcceptedWithWarning(
      "In a POSIX regular expression \\d is the letter d: write [0-9] for a digit");
}

Outcome ValidateConverter(const Value& value, ConnectorDraft&) {
  if (ConverterOf(value) != Converter::kOther) return Accepted();
  return Invalid(
      "String must be one of: StringConverter, ByteArrayConverter: the record's bytes are sent "
      "unchanged, nothing is converted");
}

Outcome SetValueConverter(const Value& value, ConnectorDraft& draft) {
  draft.config.endpoint.default_content_type = ConverterOf(value) == Converter::kByteArray
                                                   ? "application/octet-stream"
                                                   : "text/plain; charset=utf-8";
  return ValidateConverter(value, draft);
}

Outcome SetUrl(const Value& value, ConnectorDraft& draft) {
  if (value.first_field && *value.first_field < HostEnd(value.text)) {
    return Misused(
        "Templates are possible in the URL's path and query only: no record chooses the scheme, "
        "the host or the port");
  }
  if (std::string reason = ValidateEndpointUrl(value.text, value.is_hidden()); !reason.empty()) {
    return Invalid(std::move(reason));
  }
  EndpointConfig& endpoint = draft.config.endpoint;
  endpoint.url = SecretOf(value);
  endpoint.url_template = value.with_fields;
  endpoint.host_is_secret = value.is_hidden() && *value.first_secret < HostEnd(value.text);
  return Accepted();
}

Outcome SetMethod(const Value& value, ConnectorDraft& draft) {
  constexpr Choices<std::string_view, 4> kMethods = {
      {{"POST", "POST"}, {"PUT", "PUT"}, {"DELETE", "DELETE"}, {"PATCH", "PATCH"}}};
  std::string_view method;
  Outcome outcome = SetChoice(value, kMethods, method);
  if (outcome.kind == Outcome::Kind::kAccepted) draft.config.endpoint.method = method;
  return outcome;
}

Outcome SetHeaderSeparator(const Value& value, ConnectorDraft& draft) {
  if (value.text.empty()) return Invalid("String may not be empty");
  auto separator = draft.secrets.Resolve(value.text);
  if (!separator) return Misused(std::move(separator.error()));
  draft.header_separator = separator->text;
  draft.knows_header_separator = separator->is_complete;
  return Accepted();
}

Outcome SetHeaders(const Value& value, ConnectorDraft& draft) {
  if (!draft.knows_header_separator) return Accepted();
  auto headers = ParseHeaders(value.text, draft.header_separator, draft.secrets);
  if (!headers) return Invalid(headers.error());
  draft.config.endpoint.headers = std::move(*headers);
  return Accepted();
}

Outcome SetBody(const Value& value, ConnectorDraft& draft) {
  draft.config.endpoint.body = value.with_fields;
  return Accepted();
}

Outcome SetProxyHost(const Value& value, ConnectorDraft& draft) {
  if (!value.text.empty() && !IsHost(value.text)) {
    return Invalid("a host name or an address is needed, without a scheme or a port");
  }
  draft.config.endpoint.proxy.host = value.text;
  return Accepted();
}

Outcome SetProxyUser(const Value& value, ConnectorDraft& draft) {
  if (value.text.find(':') != std::string::npos) return Invalid("must not contain a colon");
  if (HasControlCharacter(value.text)) return Invalid("must not contain control characters");
  draft.config.endpoint.proxy.user = SecretOf(value);
  return Accepted();
}

Outcome SetIndicatorRule(const Value& value, ConnectorDraft& draft) {
  using delivery::IndicatorRule;
  constexpr Choices<IndicatorRule, 2> kRules = {
      {{"required", IndicatorRule::kRequired}, {"optional", IndicatorRule::kOptional}}};
  return SetChoice(value, kRules, draft.config.policy.indicator);
}

Outcome SetStrategy(const Value& value, ConnectorDraft& draft) {
  using delivery::Strategy;
  constexpr Choices<Strategy, 4> kStrategies = {
      {{"PROGRESS_BACK_OFF_DROP_MESSAGE", Strategy::kProgressBackOffDropMessage},
       {"PROGRESS_BACK_OFF_STOP_TASK", Strategy::kProgressBackOffStopTask},
       {"DROP_MESSAGE", Strategy::kDropMessage},
       {"STOP_TASK", Strategy::kStopTask}}};
  return SetChoice(value, kStrategies, draft.config.policy.strategy);
}

Outcome SetRequestRetryBackoff(const Value& value, ConnectorDraft& draft) {
  draft.has_request_retry = true;
  return SetBackoff(value, draft.config.policy.request_retry_backoff);
}

Outcome SetNullValues(const Value& value, ConnectorDraft& draft) {
  using delivery::NullValues;
  constexpr Choices<NullValues, 4> kBehaviours = {{{"send", NullValues::kSend},
                                                   {"delete", NullValues::kDelete},
                                                   {"ignore", NullValues::kIgnore},
                                                   {"fail", NullValues::kFail}}};
  return SetChoice(value, kBehaviours, draft.config.policy.null_values);
}

Outcome SetDeadLetterTopic(const Value& value, ConnectorDraft& draft) {
  const std::string topic(Trim(value.text));
  if (topic.empty()) return Accepted();
  if (std::string reason = ValidateTopic(topic, value.is_hidden()); !reason.empty()) {
    return Invalid(std::move(reason));
  }
  // A dropped record would be consumed again forever. topics_regex excludes the topic instead.
  const std::vector<std::string>& topics = draft.config.subscription.topics;
  if (std::find(topics.begin(), topics.end(), topic) != topics.end()) {
    return Misused("The DLQ topic " + (value.is_hidden() ? std::string() : '\'' + topic + "' ") +
                   "may not be included in the topics consumed by the connector");
  }
  draft.config.dead_letters.topic = topic;
  const std::string& regex = draft.config.subscription.topics_regex;
  if (regex.empty() || !MatchesTopicsRegex(regex, topic)) return Accepted();
  return AcceptedWithWarning("topics.regex matches this topic too: it is left out");
}

Outcome SetOrdering(const Value& value, ConnectorDraft& draft) {
  using delivery::Ordering;
  constexpr Choices<Ordering, 3> kOrderings = {
      {{"partition", Ordering::kPartition}, {"key", Ordering::kKey}, {"none", Ordering::kNone}}};
  return SetChoice(value, kOrderings, draft.config.policy.ordering);
}

// Only collects properties; TranslateConsumerProperties validates them together.
Outcome SetConsumerProperty(const Value& value, ConnectorDraft& draft) {
  if (std::string reason = ValidateNameLength(value.text);
      IsNameProperty(value.member) && !reason.empty()) {
    return Invalid(std::move(reason));
  }
  if (value.member == "group.id") {
    if (value.text.empty()) return Invalid("String may not be empty");
    if (!IsUtf8(value.text)) return Invalid("must be valid UTF-8");
    draft.config.subscription.group = value.text;
  } else {
    draft.config.subscription.consumer_properties.emplace(value.member, SecretOf(value));
  }
  return Accepted();
}

Outcome SetVerification(const Value& value, ConnectorDraft& draft) {
  constexpr Choices<bool, 2> kModes = {{{"strict", true}, {"none", false}}};
  Outcome outcome = SetChoice(value, kModes, draft.config.endpoint.tls.verify);
  if (outcome.kind != Outcome::Kind::kAccepted || draft.config.endpoint.tls.verify) return outcome;
  return AcceptedWithWarning(
      "The endpoint's certificate is not verified: anyone on the way can read the records");
}

Outcome ValidateErrorTolerance(const Value& value, ConnectorDraft&) {
  int unused = 0;
  return SetChoice(value, Choices<int, 2>{{{"none", 0}, {"all", 1}}}, unused);
}

Outcome ValidateReloadAction(const Value& value, ConnectorDraft&) {
  int unused = 0;
  return SetChoice(value, Choices<int, 2>{{{"none", 0}, {"restart", 1}}}, unused);
}

Outcome ValidateReplicationFactor(const Value& value, ConnectorDraft&) {
  int unused = 0;
  return SetNumber<-1, 32767>(value, unused);
}

Outcome ValidateTransforms(const Value& value, ConnectorDraft&) {
  if (value.list.empty()) return Accepted();
  return Misused("transforms and predicates are not supported");
}

}  // namespace khs::config
