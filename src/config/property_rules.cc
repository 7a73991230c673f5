#include "config/property_rules.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "config/endpoint_url.h"
#include "config/java_client.h"
#include "config/text.h"
#include "config/topics_regex.h"

namespace khs::config {
namespace {

using Kind = PropertyValidation::Kind;

PropertyValidation Rejected(std::string reason) { return {Kind::kRejected, std::move(reason)}; }

// A property that may only have one value, which has no effect.
struct FixedProperty {
  std::string_view name;
  std::string_view value;
  std::string_view why;
};

constexpr std::string_view kOwnOffsets =
    "the program sets it itself, so that an offset is committed only after the delivery";
constexpr std::string_view kVersions =
    "otherwise record headers are lost, or nothing is read, without an error";

constexpr FixedProperty kFixed[] = {
    {"enable.auto.commit", "false", kOwnOffsets},
    {"enable.auto.offset.store", "false", kOwnOffsets},
    {"enable.partition.eof", "false", kOwnOffsets},
    {"offset.store.method", "broker", kOwnOffsets},
    {"api.version.request", "true", kVersions},
    {"api.version.fallback.ms", "0", kVersions},
    {"delivery.report.only.error", "false",
     "otherwise a dead letter waits forever for its acknowledgement"},
    {"enable.sasl.oauthbearer.unsecure.jwt", "false",
     "librdkafka ends the process when it renews such a token"},
    {"exclude.internal.topics", "true", "internal topics are never consumed"},
    {"group.protocol", "classic", "the consumer protocol of KIP-848 is not supported"},
    {"group.protocol.type", "consumer", "others are not supported"},
    {"internal.termination.signal", "0", "librdkafka would end the process by this signal"},
    {"log.queue", "false", "otherwise librdkafka's log waits in a queue that nobody reads"},
    {"transactional.id", "", "dead letters are not produced in transactions"},
};

// Properties that name a command or a library. Callers of the REST API must not set them, because
// librdkafka runs that code in the process.
constexpr std::array<std::string_view, 5> kCodeProperties = {
    "plugin.library.paths", "sasl.kerberos.kinit.cmd", "ssl.engine.location", "ssl.engine.id",
    "ssl.providers"};

// librdkafka inserts these into a shell command without quoting.
constexpr std::array<std::string_view, 3> kKinitArguments = {
    "sasl.kerberos.keytab", "sasl.kerberos.principal", "sasl.kerberos.service.name"};

bool IsPlainForShell(std::string_view text) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/@:+=,-";
  return text.find_first_not_of(kAllowed) == std::string_view::npos && !text.starts_with('-');
}

// The allowed range of a number. Beyond it librdkafka rejects a value that Java accepts, reads
// nothing, uses all of a CPU, or cannot create the dead letter producer.
struct Range {
  std::string_view name;
  std::int64_t min;
  std::int64_t max;
  bool zero_means_off = false;  // 0 is valid, and negative numbers count as 0
};

constexpr std::int64_t kMaxInt = std::numeric_limits<std::int32_t>::max();

constexpr Range kRanges[] = {
    {"connections.max.idle.ms", 10'000, kMaxInt, true},
    {"fetch.max.bytes", 1'000'000, 2'147'483'135},
    {"fetch.message.max.bytes", 1, 1'000'000'000},
    {"fetch.min.bytes", 1, 100'000'000},
    {"fetch.wait.max.ms", 10, 60'000},
    {"linger.ms", 0, 1000},
    {"max.in.flight", 1, 5},
    {"max.poll.interval.ms", 1, 86'400'000},
    {"message.timeout.ms", 2000, kMaxInt, true},
    {"reconnect.backoff.max.ms", 0, 3'600'000},
    {"reconnect.backoff.ms", 0, 3'600'000},
    {"retries", 1, kMaxInt},
    {"retry.backoff.max.ms", 1, 300'000},
    {"retry.backoff.ms", 1, 300'000},
    {"socket.connection.setup.timeout.ms", 1000, kMaxInt},
    {"socket.receive.buffer.bytes", 0, 100'000'000, true},
    {"socket.send.buffer.bytes", 0, 100'000'000, true},
    {"socket.timeout.ms", 0, 300'000},
    {"topic.metadata.refresh.interval.ms", 100, 3'600'000},
};

template <size_t kCount>
bool Contains(const std::array<std::string_view, kCount>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

template <class Table>
const auto* FindRow(const Table& table, std::string_view name) {
  const auto* const end = std::end(table);
  const auto* const found =
      std::find_if(std::begin(table), end, [name](const auto& row) { return row.name == name; });
  return found == end ? nullptr : found;
}

// Returns nullopt for text that is not a number; clamps a number that is out of range.
std::optional<std::int64_t> ParseInteger(std::string_view text) {
  text = Trim(text);
  const bool is_negative = text.starts_with('-');
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (end != text.data() + text.size() || text.empty()) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    return is_negative ? std::numeric_limits<std::int64_t>::min()
                       : std::numeric_limits<std::int64_t>::max();
  }
  return error == std::errc() ? std::optional(number) : std::nullopt;
}

PropertyValidation ValidateRange(const Range& range, std::string_view value) {
  const auto number = ParseInteger(value);
  if (!number) return Rejected("Not a number of type INT");
  if (range.zero_means_off && *number <= 0) {
    return *number == 0 ? PropertyValidation() : PropertyValidation{Kind::kClamped, "0"};
  }
  if (*number < 0) return Rejected("Value must be at least " + std::to_string(range.min));
  const std::int64_t clamped = std::clamp(*number, range.min, range.max);
  return clamped == *number ? PropertyValidation()
                            : PropertyValidation{Kind::kClamped, std::to_string(clamped)};
}

// Returns whether a number would overflow in librdkafka: 4294977296 ms would be 10 s.
bool Overflows(std::string_view name, std::string_view value) {
  constexpr std::array<std::string_view, 5> kNumeric = {".ms", "bytes", "messages", ".cnt", ".max"};
  const bool is_numeric = std::any_of(kNumeric.begin(), kNumeric.end(),
                                      [name](std::string_view end) { return name.ends_with(end); });
  const auto number = ParseInteger(value);
  return is_numeric && number && (*number > kMaxInt || *number < -kMaxInt);
}

bool IsInternal(std::string_view name) {
  // Pointers and test hooks of librdkafka. It parses some of them from text and calls them.
  const bool is_hook = name.find('_') != std::string_view::npos && name != "log_level";
  return is_hook || name.starts_with("test.") || name == "opaque" || name == "interceptors";
}

// Returns whether a name has the prefix "topic.", which librdkafka accepts for topic properties.
bool HasTopicPrefix(std::string_view name) {
  return name.starts_with("topic.") && name != "topic.blacklist" &&
         !name.starts_with("topic.metadata.");
}

// Validates a list of regular expressions. librdkafka splits it at each comma and copies it to the
// stack.
PropertyValidation ValidateBlacklist(std::string_view value) {
  if (value.empty()) return {};
  if (value.size() > 64 << 10) return Rejected("Value must be no longer than 65536 bytes");
  for (size_t begin = 0; begin <= value.size();) {
    const size_t end = std::min(value.find(',', begin), value.size());
    const std::string pattern(value.substr(begin, end - begin));
    // An empty pattern matches every topic.
    if (pattern.empty()) return Rejected("A pattern is missing between two commas");
    if (std::string reason = ValidateTopicsRegex(pattern); !reason.empty()) {
      return Rejected(std::move(reason));
    }
    begin = end + 1;
  }
  return {};
}

PropertyValidation ValidateBrokers(std::string_view value) {
  // librdkafka starts a thread for each broker of the list, available or not.
  constexpr std::ptrdiff_t kMaxBrokers = 100;
  if (std::count(value.begin(), value.end(), ',') < kMaxBrokers) return {};
  return Rejected(
      "List may have no more than 100 brokers, each of which takes a thread; a few are enough, "
      "because clients learn the other brokers from them");
}

PropertyValidation ValidateOAuthMethod(std::string_view value) {
  constexpr std::array<std::string_view, 3> kMethods = {"default", "oidc", "aws_msk_iam"};
  const bool known = std::any_of(kMethods.begin(), kMethods.end(), [&](std::string_view method) {
    return EqualIgnoringCase(Trim(value), method);
  });
  return known ? PropertyValidation() : Rejected("Can only be oidc or aws_msk_iam");
}

// The region becomes part of a host's name.
bool IsPlainRegion(std::string_view region) {
  return !region.empty() && std::all_of(region.begin(), region.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

}  // namespace

PropertyValidation ValidateClientProperty(std::string_view name, std::string_view value,
                                          PropertySource source) {
  if (const FixedProperty* fixed = FindRow(kFixed, name)) {
    if (EqualIgnoringCase(Trim(value), fixed->value)) return {Kind::kIgnored};
    return Rejected((fixed->value.empty() ? "Cannot be set: "
                                          : "Can only be " + std::string(fixed->value) + ": ") +
                    std::string(fixed->why) + "; leave it out");
  }
  if (IsInternal(name)) return Rejected("Internal to librdkafka: it cannot be set");
  if (HasTopicPrefix(name)) return Rejected("The prefix topic. is not supported: remove it");
  if (source == PropertySource::kConnector && Contains(kCodeProperties, name)) {
    return Rejected(
        "This makes librdkafka run a command or load a library: only sidecar.toml may set it");
  }
  if (source == PropertySource::kConnector && Contains(kKinitArguments, name) &&
      !IsPlainForShell(value)) {
    return Rejected(
        "Becomes part of a command: letters, digits and . _ / @ : + = , - are allowed here; others "
        "only in sidecar.toml");
  }
  if (const Range* range = FindRow(kRanges, name)) return ValidateRange(*range, value);
  if (const JavaProperty* java = FindJavaProperty(name); java && java->librdkafka.empty()) {
    return {Kind::kIgnored};
  }
  if (name == "statistics.interval.ms") return {Kind::kIgnored};
  if (name == "topic.blacklist") return ValidateBlacklist(value);
  if (name == "bootstrap.servers") return ValidateBrokers(value);
  if (name == "sasl.oauthbearer.method") return ValidateOAuthMethod(value);
  if (name == "sasl.oauthbearer.aws.region" && !IsPlainRegion(Trim(value))) {
    return Rejected("Must be letters, digits and -, as eu-central-1 is");
  }
  if (name == "sasl.oauthbearer.token.endpoint.url") {
    std::string reason = ValidateEndpointUrl(value, true);  // it may be a secret
    return reason.empty() ? PropertyValidation() : Rejected("Not usable: " + std::move(reason));
  }
  if (name == "auto.offset.reset" && EqualIgnoringCase(Trim(value), "error")) {
    // librdkafka would report an error once and never read the partition again.
    return Rejected(
        "A partition without a valid offset would never be read again: use earliest, latest or "
        "none");
  }
  if (Overflows(name, value)) return Rejected("Value must be no more than 2147483647");
  return {};
}

}  // namespace khs::config
