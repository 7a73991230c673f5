#include "config/property_rules.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "config/java_client.h"
#include "config/text.h"
#include "config/topics_regex.h"

namespace khs::config {
namespace {

using Kind = PropertyRuling::Kind;

PropertyRuling Refused(std::string why) { return {Kind::kRefused, std::move(why)}; }

// Properties with a single value that does no harm, which may be written and has no effect.
struct Fixed {
  std::string_view name;
  std::string_view value;
  std::string_view why;
};

constexpr std::string_view kOwnOffsets =
    "the program sets it itself, so that an offset is committed only after the delivery";
constexpr std::string_view kVersions =
    "otherwise record headers are lost, or nothing is read, without an error";

constexpr Fixed kFixed[] = {
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
    {"sasl.oauthbearer.method", "default", "OAuth tokens are not supported"},
    {"transactional.id", "", "dead letters are not produced in transactions"},
};

// Properties that name a command or a library: whoever may call REST would be whoever runs the
// process.
constexpr std::array<std::string_view, 5> kRunCode = {
    "plugin.library.paths", "sasl.kerberos.kinit.cmd", "ssl.engine.location", "ssl.engine.id",
    "ssl.providers"};

// They become part of a command line of a shell, which librdkafka does not quote.
constexpr std::array<std::string_view, 3> kOfKinit = {
    "sasl.kerberos.keytab", "sasl.kerberos.principal", "sasl.kerberos.service.name"};

bool IsPlainForShell(std::string_view text) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/@:+=,-";
  return text.find_first_not_of(kAllowed) == std::string_view::npos && !text.starts_with('-');
}

// Numbers that Java takes and librdkafka does not, or with which librdkafka reads nothing, spins,
// or makes no producer of dead letters.
struct Range {
  std::string_view name;
  std::int64_t least;
  std::int64_t most;
  bool zero_means_off = false;  // 0 is kept, and negative ones count as 0
};

constexpr std::int64_t kMostInt = std::numeric_limits<std::int32_t>::max();

constexpr Range kRanges[] = {
    {"connections.max.idle.ms", 10'000, kMostInt, true},
    {"fetch.max.bytes", 1'000'000, 2'147'483'135},
    {"fetch.message.max.bytes", 1, 1'000'000'000},
    {"fetch.min.bytes", 1, 100'000'000},
    {"fetch.wait.max.ms", 10, 60'000},
    {"linger.ms", 0, 1000},
    {"max.in.flight", 1, 5},
    {"max.poll.interval.ms", 1, 86'400'000},
    {"message.timeout.ms", 2000, kMostInt, true},
    {"reconnect.backoff.max.ms", 0, 3'600'000},
    {"reconnect.backoff.ms", 0, 3'600'000},
    {"retries", 1, kMostInt},
    {"retry.backoff.max.ms", 1, 300'000},
    {"retry.backoff.ms", 1, 300'000},
    {"socket.connection.setup.timeout.ms", 1000, kMostInt},
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

// Nothing for what is no number; one that is too large for any is the largest.
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

PropertyRuling JudgeRange(const Range& range, std::string_view value) {
  const auto number = ParseInteger(value);
  if (!number) return Refused("Not a number of type INT");
  if (range.zero_means_off && *number <= 0) {
    return *number == 0 ? PropertyRuling() : PropertyRuling{Kind::kBounded, "0"};
  }
  if (*number < 0) return Refused("Value must be at least " + std::to_string(range.least));
  const std::int64_t taken = std::clamp(*number, range.least, range.most);
  return taken == *number ? PropertyRuling()
                          : PropertyRuling{Kind::kBounded, std::to_string(taken)};
}

// librdkafka lets them overflow: 4294977296 ms would be 10 s.
bool Overflows(std::string_view name, std::string_view value) {
  constexpr std::array<std::string_view, 5> kNumeric = {".ms", "bytes", "messages", ".cnt", ".max"};
  const bool is_numeric = std::any_of(kNumeric.begin(), kNumeric.end(),
                                      [name](std::string_view end) { return name.ends_with(end); });
  const auto number = ParseInteger(value);
  return is_numeric && number && (*number > kMostInt || *number < -kMostInt);
}

bool IsInternal(std::string_view name) {
  // Pointers and test hooks of librdkafka, some of which it takes from a text and then calls.
  const bool is_hook = name.find('_') != std::string_view::npos && name != "log_level";
  return is_hook || name.starts_with("test.") || name == "opaque" || name == "interceptors";
}

// librdkafka takes "topic." before any property that may differ by topic.
bool HasTopicPrefix(std::string_view name) {
  return name.starts_with("topic.") && name != "topic.blacklist" &&
         !name.starts_with("topic.metadata.");
}

// A list of regular expressions. librdkafka splits it at every comma, and copies it to the stack.
PropertyRuling JudgeBlacklist(std::string_view value) {
  if (value.empty()) return {};
  if (value.size() > 64 << 10) return Refused("Value must be no longer than 65536 bytes");
  for (size_t begin = 0; begin <= value.size();) {
    const size_t end = std::min(value.find(',', begin), value.size());
    const std::string pattern(value.substr(begin, end - begin));
    // It would match every topic.
    if (pattern.empty()) return Refused("A pattern is missing between two commas");
    if (std::string why = JudgeTopicsRegex(pattern); !why.empty()) return Refused(std::move(why));
    begin = end + 1;
  }
  return {};
}

PropertyRuling JudgeBrokers(std::string_view value) {
  // Each takes a thread and a connection, whether it is there or not.
  constexpr std::ptrdiff_t kMost = 100;
  if (std::count(value.begin(), value.end(), ',') < kMost) return {};
  return Refused(
      "List may have no more than 100 brokers, each of which takes a thread; a few are enough, "
      "because they tell of the others");
}

}  // namespace

PropertyRuling JudgeClientProperty(std::string_view name, std::string_view value,
                                   PropertySource source) {
  if (const Fixed* fixed = FindRow(kFixed, name)) {
    if (EqualsIgnoringCase(Trim(value), fixed->value)) return {Kind::kWithoutEffect};
    return Refused((fixed->value.empty() ? "Cannot be set: "
                                         : "Can only be " + std::string(fixed->value) + ": ") +
                   std::string(fixed->why) + "; leave it out");
  }
  if (IsInternal(name)) return Refused("Internal to librdkafka: it cannot be set");
  if (HasTopicPrefix(name)) return Refused("Unknown with topic. before it: write it without");
  if (source == PropertySource::kConnector && Contains(kRunCode, name)) {
    return Refused(
        "This makes librdkafka run a command or load a library: only sidecar.toml may set it");
  }
  if (source == PropertySource::kConnector && Contains(kOfKinit, name) && !IsPlainForShell(value)) {
    return Refused(
        "Becomes part of a command: letters, digits and . _ / @ : + = , - are possible here, and "
        "others in sidecar.toml only");
  }
  if (const Range* range = FindRow(kRanges, name)) return JudgeRange(*range, value);
  if (const JavaProperty* java = FindJavaProperty(name); java && java->librdkafka.empty()) {
    return {Kind::kWithoutEffect};
  }
  if (name == "statistics.interval.ms") return {Kind::kWithoutEffect};
  if (name == "topic.blacklist") return JudgeBlacklist(value);
  if (name == "bootstrap.servers") return JudgeBrokers(value);
  if (name == "sasl.mechanism" && EqualsIgnoringCase(Trim(value), "OAUTHBEARER")) {
    return Refused(
        "OAUTHBEARER is not supported, because nothing here obtains tokens: PLAIN, SCRAM-SHA-256, "
        "SCRAM-SHA-512 or GSSAPI");
  }
  if (name == "auto.offset.reset" && EqualsIgnoringCase(Trim(value), "error")) {
    // It would say so once, and read the partition no more.
    return Refused(
        "A partition without a valid offset would stand still for ever: earliest, latest or none");
  }
  if (Overflows(name, value)) return Refused("Value must be no more than 2147483647");
  return {};
}

}  // namespace khs::config
