#include "config/connector_values.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "config/definitions.h"
#include "config/endpoint_url.h"
#include "config/headers.h"
#include "config/internal_topics.h"
#include "config/text.h"
#include "config/topics_regex.h"
#include "config/verdicts.h"

namespace khs::config {
namespace {

using std::chrono::seconds;

template <class T, size_t kCount>
using Choices = std::array<std::pair<std::string_view, T>, kCount>;

constexpr seconds kLongestBackoff{604'800};   // a week
constexpr seconds kLongestDelay{31'536'000};  // a year
// A name is part of every URL of its connector, percent-encoded three-fold at worst, and of Kafka's
// requests, which give a string two bytes for its length.
constexpr size_t kMostNameBytes = 1024;
constexpr size_t kMostTopics = 10'000;
constexpr int kMostTasks = 1024;
constexpr int kMostInFlight = 1024;
constexpr std::int64_t kMostQueueBytes = std::int64_t{1} << 40;

std::string JudgeTopic(std::string_view topic, bool is_hidden) {
  if (topic.empty()) return "a topic is missing between two commas";
  if (IsInternalTopic(topic)) return "an internal topic of Kafka cannot be used";
  if (IsTopicName(topic)) return {};
  return (is_hidden ? "a topic" : '"' + Shown(topic) + '"') + std::string(kNoTopicName);
}

std::string JudgeNameLength(std::string_view name) {
  if (name.size() <= kMostNameBytes) return {};
  return "a name is at most " + std::to_string(kMostNameBytes) + " bytes long";
}

// Consumer properties that are names in Kafka's requests.
bool IsName(std::string_view property) {
  return property == "group.id" || property == "group.instance.id" || property == "client.id" ||
         property == "client.rack";
}

Verdict TakeBackoff(const Value& value, std::vector<delivery::Milliseconds>& target) {
  std::vector<delivery::Milliseconds> delays;
  for (const std::string& element : value.list) {
    const auto delay = ParseSeconds(element, kLongestBackoff, value.is_hidden());
    if (!delay) return BadValue(delay.error());
    delays.push_back(*delay);
  }
  target = std::move(delays);
  return Taken();
}

Verdict TakeSeconds(const Value& value, seconds most, delivery::Milliseconds& target) {
  const auto duration = ParseSeconds(value.text, most, value.is_hidden());
  if (!duration) return BadValue(duration.error());
  target = *duration;
  return Taken();
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

Verdict TakeName(const Value& value, ConnectorDraft& draft) {
  if (value.text.empty()) return BadValue("String may not be empty");
  if (!IsUtf8(value.text)) return BadValue("a name is valid UTF-8");
  if (HasControlCharacter(value.text)) return BadValue("a name has no control characters");
  if (std::string reason = JudgeNameLength(value.text); !reason.empty()) {
    return BadValue(std::move(reason));
  }
  draft.config.name = value.text;
  return Taken();
}

Verdict TakeConnectorClass(const Value& value, ConnectorDraft&) {
  const std::string_view text = Trim(value.text);
  std::string names;
  for (const std::string_view name : kConnectorClasses) {
    if (text == name) return Taken();
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return BadValue("String must be one of: " + names);
}

Verdict TakeTopics(const Value& value, ConnectorDraft& draft) {
  if (value.list.size() > kMostTopics) {
    return BadValue("at most " + std::to_string(kMostTopics) + " topics are possible, and " +
                    std::to_string(value.list.size()) + " are given");
  }
  std::vector<std::string> topics;
  std::set<std::string_view> seen;
  std::string repeated;
  for (const std::string& topic : value.list) {
    if (std::string reason = JudgeTopic(topic, value.is_hidden()); !reason.empty()) {
      return BadValue(std::move(reason));
    }
    if (seen.insert(topic).second) {
      topics.push_back(topic);
    } else {
      repeated = topic;
    }
  }
  draft.config.subscription.topics = std::move(topics);
  if (repeated.empty()) return Taken();
  return Odd((value.is_hidden() ? "A topic" : "The topic " + repeated) + " is listed twice");
}

Verdict TakeTopicsRegex(const Value& value, ConnectorDraft& draft) {
  if (Trim(value.text).empty()) return Taken();
  if (std::string reason = JudgeTopicsRegex(value.text); !reason.empty()) {
    return BadValue(std::move(reason));
  }
  draft.config.subscription.topics_regex = value.text;
  if (value.text.find("\\d") == std::string::npos) return Taken();
  return Odd("In a POSIX regular expression \\d is the letter d: write [0-9] for a digit");
}

Verdict TakeTasksMax(const Value& value, ConnectorDraft& draft) {
  return TakeNumber(value, 1, kMostTasks, draft.config.tasks_max);
}

Verdict TakeConverter(const Value& value, ConnectorDraft&) {
  if (ConverterOf(value) != Converter::kOther) return Taken();
  return BadValue(
      "String must be one of: StringConverter, ByteArrayConverter: the record's bytes are sent "
      "unchanged, nothing is converted");
}

Verdict TakeValueConverter(const Value& value, ConnectorDraft& draft) {
  draft.config.endpoint.default_content_type = ConverterOf(value) == Converter::kByteArray
                                                   ? "application/octet-stream"
                                                   : "text/plain; charset=utf-8";
  return TakeConverter(value, draft);
}

Verdict TakeUrl(const Value& value, ConnectorDraft& draft) {
  if (std::string reason = JudgeEndpointUrl(value.text, value.is_hidden()); !reason.empty()) {
    return BadValue(std::move(reason));
  }
  EndpointConfig& endpoint = draft.config.endpoint;
  endpoint.url = SecretOf(value);
  endpoint.host_is_secret = value.is_hidden() && *value.first_secret < HostEnd(value.text);
  return Taken();
}

Verdict TakeMethod(const Value& value, ConnectorDraft& draft) {
  constexpr Choices<std::string_view, 4> kMethods = {
      {{"POST", "POST"}, {"PUT", "PUT"}, {"DELETE", "DELETE"}, {"PATCH", "PATCH"}}};
  std::string_view method;
  Verdict verdict = TakeChoice(value, kMethods, method);
  if (verdict.kind == Verdict::Kind::kTaken) draft.config.endpoint.method = method;
  return verdict;
}

Verdict TakeHeaderSeparator(const Value& value, ConnectorDraft& draft) {
  if (value.text.empty()) return BadValue("String may not be empty");
  auto separator = draft.secrets.Resolve(value.text);
  if (!separator) return Misused(std::move(separator.error()));
  draft.header_separator = separator->text;
  draft.knows_header_separator = separator->is_complete;
  return Taken();
}

Verdict TakeHeaders(const Value& value, ConnectorDraft& draft) {
  if (!draft.knows_header_separator) return Taken();
  auto headers = ParseHeaders(value.text, draft.header_separator, draft.secrets);
  if (!headers) return BadValue(headers.error());
  draft.config.endpoint.headers = std::move(*headers);
  return Taken();
}

Verdict TakeConnectTimeout(const Value& value, ConnectorDraft& draft) {
  return TakeMilliseconds(value, draft.config.endpoint.connect_timeout);
}

Verdict TakeReadTimeout(const Value& value, ConnectorDraft& draft) {
  return TakeMilliseconds(value, draft.config.endpoint.read_timeout);
}

Verdict TakeConnectionMaxAge(const Value& value, ConnectorDraft& draft) {
  return TakeNumber(value, 0, std::numeric_limits<std::int32_t>::max(),
                    draft.config.endpoint.connection_max_age);
}

Verdict TakeProxyHost(const Value& value, ConnectorDraft& draft) {
  if (!value.text.empty() && !IsHost(value.text)) {
    return BadValue("a host name or an address is needed, without a scheme or a port");
  }
  draft.config.endpoint.proxy.host = value.text;
  return Taken();
}

Verdict TakeProxyPort(const Value& value, ConnectorDraft& draft) {
  return TakeNumber(value, 1, std::numeric_limits<std::uint16_t>::max(),
                    draft.config.endpoint.proxy.port);
}

Verdict TakeProxyUser(const Value& value, ConnectorDraft& draft) {
  if (value.text.find(':') != std::string::npos) return BadValue("a user name has no colon");
  if (HasControlCharacter(value.text)) return BadValue("a user name has no control characters");
  draft.config.endpoint.proxy.user = SecretOf(value);
  return Taken();
}

Verdict TakeProxyPassword(const Value& value, ConnectorDraft& draft) {
  draft.config.endpoint.proxy.password = SecretOf(value);
  return Taken();
}

Verdict TakeIndicatorRule(const Value& value, ConnectorDraft& draft) {
  using delivery::IndicatorRule;
  constexpr Choices<IndicatorRule, 2> kRules = {
      {{"required", IndicatorRule::kRequired}, {"optional", IndicatorRule::kOptional}}};
  return TakeChoice(value, kRules, draft.config.policy.indicator);
}

Verdict TakeStrategy(const Value& value, ConnectorDraft& draft) {
  using delivery::Strategy;
  constexpr Choices<Strategy, 4> kStrategies = {
      {{"PROGRESS_BACK_OFF_DROP_MESSAGE", Strategy::kProgressBackOffDropMessage},
       {"PROGRESS_BACK_OFF_STOP_TASK", Strategy::kProgressBackOffStopTask},
       {"DROP_MESSAGE", Strategy::kDropMessage},
       {"STOP_TASK", Strategy::kStopTask}}};
  return TakeChoice(value, kStrategies, draft.config.policy.strategy);
}

Verdict TakeRetryBackoff(const Value& value, ConnectorDraft& draft) {
  return TakeBackoff(value, draft.config.policy.retry_backoff);
}

Verdict TakeRequestRetryBackoff(const Value& value, ConnectorDraft& draft) {
  draft.has_request_retry = true;
  return TakeBackoff(value, draft.config.policy.request_retry_backoff);
}

Verdict TakeRetryAfterMax(const Value& value, ConnectorDraft& draft) {
  return TakeSeconds(value, kLongestBackoff, draft.config.policy.retry_after_max);
}

Verdict TakeRequestDelay(const Value& value, ConnectorDraft& draft) {
  return TakeSeconds(value, kLongestDelay, draft.config.policy.request_delay);
}

Verdict TakeNullValues(const Value& value, ConnectorDraft& draft) {
  using delivery::NullValues;
  constexpr Choices<NullValues, 4> kBehaviours = {{{"send", NullValues::kSend},
                                                   {"delete", NullValues::kDelete},
                                                   {"ignore", NullValues::kIgnore},
                                                   {"fail", NullValues::kFail}}};
  return TakeChoice(value, kBehaviours, draft.config.policy.null_values);
}

Verdict TakeForwardHeaders(const Value& value, ConnectorDraft& draft) {
  draft.config.endpoint.forward_kafka_headers = value.truth;
  return Taken();
}

Verdict TakeDeadLetterTopic(const Value& value, ConnectorDraft& draft) {
  const std::string topic(Trim(value.text));
  if (topic.empty()) return Taken();
  if (std::string reason = JudgeTopic(topic, value.is_hidden()); !reason.empty()) {
    return BadValue(std::move(reason));
  }
  // A record that is dropped would come back for ever. A regular expression leaves the topic out.
  const std::vector<std::string>& topics = draft.config.subscription.topics;
  if (std::find(topics.begin(), topics.end(), topic) != topics.end()) {
    return Misused("The DLQ topic " + (value.is_hidden() ? std::string() : '\'' + topic + "' ") +
                   "may not be included in the topics consumed by the connector");
  }
  draft.config.dead_letters.topic = topic;
  const std::string& regex = draft.config.subscription.topics_regex;
  if (regex.empty() || !MatchesTopicsRegex(regex, topic)) return Taken();
  return Odd("topics.regex matches this topic too: it is left out");
}

Verdict TakeDeadLetterHeaders(const Value& value, ConnectorDraft& draft) {
  draft.config.dead_letters.context_headers = value.truth;
  return Taken();
}

Verdict TakeOrdering(const Value& value, ConnectorDraft& draft) {
  using delivery::Ordering;
  constexpr Choices<Ordering, 3> kOrderings = {
      {{"partition", Ordering::kPartition}, {"key", Ordering::kKey}, {"none", Ordering::kNone}}};
  return TakeChoice(value, kOrderings, draft.config.policy.ordering);
}

Verdict TakeMaxInFlight(const Value& value, ConnectorDraft& draft) {
  return TakeNumber(value, 1, kMostInFlight, draft.config.policy.max_in_flight);
}

Verdict TakeQueueMaxBytes(const Value& value, ConnectorDraft& draft) {
  return TakeNumber(value, 1, kMostQueueBytes, draft.config.policy.queue_max_bytes);
}

Verdict TakeOffsetFlushInterval(const Value& value, ConnectorDraft& draft) {
  return TakeMilliseconds(value, draft.config.offset_flush_interval);
}

// The properties are judged together, once all are known.
Verdict TakeConsumerProperty(const Value& value, ConnectorDraft& draft) {
  if (std::string reason = JudgeNameLength(value.text); IsName(value.member) && !reason.empty()) {
    return BadValue(std::move(reason));
  }
  if (value.member == "group.id") {
    if (value.text.empty()) return BadValue("String may not be empty");
    if (!IsUtf8(value.text)) return BadValue("a group is valid UTF-8");
    draft.config.subscription.group = value.text;
  } else {
    draft.config.subscription.consumer_properties.emplace(value.member, SecretOf(value));
  }
  return Taken();
}

Verdict TakeCaLocation(const Value& value, ConnectorDraft& draft) {
  return TakePath(value, draft.config.endpoint.tls.ca_location);
}

Verdict TakeCertificateLocation(const Value& value, ConnectorDraft& draft) {
  return TakePath(value, draft.config.endpoint.tls.certificate_location);
}

Verdict TakeKeyLocation(const Value& value, ConnectorDraft& draft) {
  return TakePath(value, draft.config.endpoint.tls.key_location);
}

Verdict TakeKeyPassword(const Value& value, ConnectorDraft& draft) {
  draft.config.endpoint.tls.key_password = SecretOf(value);
  return Taken();
}

Verdict TakeVerification(const Value& value, ConnectorDraft& draft) {
  constexpr Choices<bool, 2> kModes = {{{"strict", true}, {"none", false}}};
  Verdict verdict = TakeChoice(value, kModes, draft.config.endpoint.tls.verify);
  if (verdict.kind != Verdict::Kind::kTaken || draft.config.endpoint.tls.verify) return verdict;
  return Odd("The endpoint's certificate is not verified: anyone on the way can read the records");
}

Verdict JudgeErrorTolerance(const Value& value, ConnectorDraft&) {
  int unused = 0;
  return TakeChoice(value, Choices<int, 2>{{{"none", 0}, {"all", 1}}}, unused);
}

Verdict JudgeReloadAction(const Value& value, ConnectorDraft&) {
  int unused = 0;
  return TakeChoice(value, Choices<int, 2>{{{"none", 0}, {"restart", 1}}}, unused);
}

Verdict JudgeReplicationFactor(const Value& value, ConnectorDraft&) {
  int unused = 0;
  return TakeNumber(value, -1, 32767, unused);
}

Verdict JudgeTransforms(const Value& value, ConnectorDraft&) {
  if (value.list.empty()) return Taken();
  return Misused("transforms and predicates are not supported");
}

}  // namespace khs::config
