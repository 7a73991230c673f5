#include "config/foreign_values.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "base/encoding.h"
#include "base/header_syntax.h"
#include "config/foreign_regex.h"
#include "config/text.h"

namespace khs::config {
namespace {

using enum ForeignKind;

constexpr std::string_view kDropAndStop =
    "a record is dropped after its retries, but never for a request error (no answer, 401, 403, "
    "405, 406, 502-504): then the connector stops";

std::string_view OrDefault(std::string_view text, std::string_view default_text) {
  return text.empty() ? default_text : text;
}

bool IsTrue(std::string_view text) { return Lower(text) == "true"; }

std::optional<std::int64_t> ParseNumber(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Returns the templates of the URL, the headers and the body of a sink.
ForeignText TemplatesOf(ForeignKind kind) {
  switch (kind) {
    case kConfluent:
    case kConfluentV2:
      return ForeignText::kDollar;
    case kAiven:
      return ForeignText::kConstant;
    case kLenses:
      return ForeignText::kBraces;
  }
  return ForeignText::kConstant;
}

// Returns what Lenses' templates stand for when the record lacks the part; nothing if it is an
// error.
std::optional<std::string> NullText(const Translation& translation) {
  const std::string handler = Lower(translation.Find("connect.http.null.payload.handler"));
  if (handler == "empty") return "";
  if (handler == "null") return "null";
  if (handler != "custom") return std::nullopt;
  return std::string(translation.Find("connect.http.null.payload.handler.custom"));
}

void SetText(Translation& translation, const ForeignKey& row, const ForeignValue& value,
             std::string_view text, ForeignText form) {
  auto translated = TranslateText(text, form, NullText(translation));
  if (translated) {
    translation.Set(row.ours, std::move(*translated));
  } else {
    translation.Lose(row, value, std::move(translated.error()));
  }
}

// Returns the type of authentication in upper case; only one of the keys is in a definition.
std::string AuthTypeOf(const Translation& translation) {
  for (const std::string_view key :
       {"auth.type", "http.authorization.type", "connect.http.authentication.type"}) {
    if (const auto type = translation.Find(key); !type.empty()) return Upper(type);
  }
  return "NONE";
}

// Returns the type of authentication that uses one of our keys.
std::string_view AuthTypeFor(std::string_view ours) {
  if (ours.starts_with("connection.")) return "BASIC";
  if (ours.starts_with("bearer.")) return "BEARER";
  if (ours.starts_with("api.key.")) return "API_KEY";
  return "OAUTH2";
}

// Returns whether a store is a PEM file, by the key of its type beside that of its location.
bool IsPemStore(const Translation& translation, std::string_view location_key) {
  constexpr std::string_view kLocation = "location";
  const std::string_view prefix = location_key.substr(0, location_key.size() - kLocation.size());
  return Upper(translation.Find(std::string(prefix) + "type")) == "PEM";
}

std::string_view HeaderSeparator(const Translation& translation) {
  switch (translation.kind()) {
    case kConfluent:
      return OrDefault(translation.Find("header.separator"), "|");
    case kConfluentV2:
      return OrDefault(translation.Find("api1.http.request.headers.separator"), "|");
    case kAiven:
    case kLenses:
      break;
  }
  return ",";
}

// Returns whether every request has a header of this name anyway, which no other one replaces.
bool IsAlwaysSet(std::string_view name) {
  const std::string lower = Lower(name);
  return lower.starts_with("x-kafka-") || lower.starts_with("x-b3-") || lower == "traceparent" ||
         lower == "tracestate" || lower == "idempotency-key";
}

void AddHeader(Translation& translation, const ForeignKey& row, const ForeignValue& value,
               std::string_view name, std::string_view text) {
  auto translated = TranslateText(text, TemplatesOf(translation.kind()), NullText(translation));
  const std::string shown = "the header " + Abbreviate(name);
  if (!translated) {
    translation.Lose(row, value, shown + ": " + translated.error());
  } else if (IsAlwaysSet(name)) {
    translation.Lose(row, value, shown + " is set by the program itself");
  } else if (!translation.AddHeader(name, std::move(*translated))) {
    translation.Lose(row, value, shown + " is given twice");
  }
}

// Percent-encodes a name or value of a query, but neither `${…}` nor what is encoded already.
std::string EncodeForQuery(std::string_view text) {
  const auto is_digit = [](char c) { return base::HexDigit(c) >= 0; };
  std::string encoded;
  while (!text.empty()) {
    const bool is_encoded =
        text.front() == '%' && text.size() > 2 && is_digit(text[1]) && is_digit(text[2]);
    const size_t end = text.starts_with("${") ? text.find('}') : std::string_view::npos;
    const size_t length = end == std::string_view::npos ? 1 : end + 1;
    if (is_encoded || length > 1) {
      encoded += text.substr(0, length);
    } else {
      base::AppendPercentEncoded(encoded, text.substr(0, 1));
    }
    text.remove_prefix(length);
  }
  return encoded;
}

// Writes the parameters of V2 of Confluent's sink as the query of a URL.
std::string QueryOf(std::string_view parameters, std::string_view separator) {
  std::string query;
  while (!parameters.empty()) {
    const size_t end = std::min(parameters.find(separator), parameters.size());
    const std::string_view parameter = Trim(parameters.substr(0, end));
    parameters.remove_prefix(std::min(end + separator.size(), parameters.size()));
    if (parameter.empty()) continue;
    const size_t equals = parameter.find('=');
    query += (query.empty() ? "" : "&") + EncodeForQuery(Trim(parameter.substr(0, equals)));
    if (equals == std::string_view::npos) continue;
    query += '=' + EncodeForQuery(Trim(parameter.substr(equals + 1)));
  }
  return query;
}

// Writes a range of status codes; ours end at 599.
std::string ClipRange(std::string_view range) {
  const size_t dash = range.find('-');
  if (dash == std::string_view::npos) return std::string(range);
  const auto last = ParseNumber(Trim(range.substr(dash + 1)));
  if (!last || *last <= 599) return std::string(range);
  return std::string(range.substr(0, dash + 1));
}

// Takes the tags for several records out of Lenses' content, which then makes a list of one.
std::string ForOneRecord(std::string_view content, bool tidies) {
  constexpr std::string_view kOpen = "{{#message}}";
  constexpr std::string_view kClose = "{{/message}}";
  const size_t open = content.find(kOpen);
  const size_t close = content.find(kClose);
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return std::string(content);
  }
  std::string_view record = content.substr(open + kOpen.size(), close - open - kOpen.size());
  if (tidies) {
    record = Trim(record);
    if (record.ends_with(',')) record.remove_suffix(1);
  }
  return std::string(content.substr(0, open)) + std::string(record) +
         std::string(content.substr(close + kClose.size()));
}

}  // namespace

std::string_view Translation::Find(std::string_view key) const {
  const Entry* const entry = FindEntry(definition_, key);
  return entry == nullptr ? std::string_view() : Trim(entry->text);
}

void Translation::Set(std::string_view ours, std::string text) {
  values_.insert_or_assign(std::string(ours), std::move(text));
}

bool Translation::AddHeader(std::string_view name, std::string value) {
  const bool has_it = std::any_of(headers_.begin(), headers_.end(), [name](const auto& header) {
    return EqualIgnoringCase(header.first, name);
  });
  if (!has_it) headers_.emplace_back(std::string(name), std::move(value));
  return !has_it;
}

void Translation::Lose(const ForeignKey& row, const ForeignValue& value, std::string reason) {
  if (value.is_default) return;
  problems_.push_back({file_, value.position, value.key, std::move(reason)});
  if (!row.ours.empty()) lost_.emplace(row.ours);
}

void Translation::Warn(const ForeignValue& value, std::string text) {
  problems_.push_back({file_, value.position, value.key, std::move(text), Severity::kWarning});
}

void Translation::LeaveOut(const ForeignValue& value, std::string_view reason) {
  if (!value.is_default) left_out_.emplace_back(value.key, reason);
}

void TranslateCopy(Translation& translation, const ForeignKey& row, const ForeignValue& value) {
  SetText(translation, row, value, value.text, ForeignText::kPlain);
}

void TranslateLost(Translation& translation, const ForeignKey& row, const ForeignValue& value) {
  translation.Lose(row, value, AdviceOf(row));
}

void TranslateLostIfTrue(Translation& translation, const ForeignKey& row,
                         const ForeignValue& value) {
  if (IsTrue(value.text)) TranslateLost(translation, row, value);
}

void TranslateLostUnlessDefault(Translation& translation, const ForeignKey& row,
                                const ForeignValue& value) {
  if (value.text != row.default_value) TranslateLost(translation, row, value);
}

void TranslateLeftOut(Translation& translation, const ForeignKey& row, const ForeignValue& value) {
  translation.LeaveOut(value, row.note);
}

void TranslateElsewhere(Translation&, const ForeignKey&, const ForeignValue&) {}

void TranslateUrl(Translation& translation, const ForeignKey& row, const ForeignValue& value) {
  SetText(translation, row, value, value.text, TemplatesOf(translation.kind()));
}

void TranslateBaseUrl(Translation& translation, const ForeignKey& row, const ForeignValue& value) {
  std::string url = value.text;
  while (url.ends_with('/')) url.pop_back();
  const std::string_view path = translation.Find("api1.http.api.path");
  if (!path.empty() && !path.starts_with('/')) url += '/';
  url += path;
  const std::string query =
      QueryOf(translation.Find("api1.http.request.parameters"),
              OrDefault(translation.Find("api1.http.request.parameters.separator"), "&"));
  if (!query.empty()) url += url.find('?') == std::string::npos ? '?' : '&';
  url += query;
  SetText(translation, row, value, url, TemplatesOf(translation.kind()));
}

void TranslateHeaders(Translation& translation, const ForeignKey& row, const ForeignValue& value) {
  const std::string_view separator = HeaderSeparator(translation);
  std::string_view rest = value.text;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(separator), rest.size());
    const std::string_view entry = Trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + separator.size(), rest.size()));
    if (entry.empty()) continue;
    const size_t colon = entry.find(':');
    if (colon == std::string_view::npos) {
      translation.Lose(row, value, "an entry has no ':' between name and value");
      continue;
    }
    const std::string_view name = Trim(entry.substr(0, colon));
    if (base::IsFieldName(name)) {
      AddHeader(translation, row, value, name, Trim(entry.substr(colon + 1)));
    } else {
      translation.Lose(row, value, "an entry has no name that HTTP allows before its ':'");
    }
  }
}

void TranslateContentType(Translation& translation, const ForeignKey& row,
                          const ForeignValue& value) {
  AddHeader(translation, row, value, "Content-Type", value.text);
}

void TranslateAuthorization(Translation& translation, const ForeignKey& row,
                            const ForeignValue& value) {
  if (AuthTypeOf(translation) == "STATIC") {
    AddHeader(translation, row, value, "Authorization", value.text);
  } else {
    translation.LeaveOut(value, "it is for http.authorization.type=static only");
  }
}

void TranslateBodyFormat(Translation& translation, const ForeignKey& row,
                         const ForeignValue& value) {
  const std::string format = Lower(value.text);
  if (format == "json") {
    translation.AddHeader("Content-Type", "application/json");
  } else if (format != "string") {
    translation.Lose(row, value, AdviceOf(row));
  }
}

void TranslateContent(Translation& translation, const ForeignKey& row, const ForeignValue& value) {
  translation.AddHeader("Content-Type", "application/json");
  const bool tidies = IsTrue(translation.Find("connect.http.json.tidy"));
  const std::string content = ForOneRecord(value.text, tidies);
  const auto plain = TranslateText(content, ForeignText::kBraces);
  const bool is_the_value = plain && *plain == "{{value}}";
  const auto null_text = NullText(translation);
  if (is_the_value && !null_text) {
    translation.Set("behavior.on.null.values", "fail");
  } else if (!is_the_value || !null_text->empty()) {
    SetText(translation, row, value, content, ForeignText::kBraces);
  }
}

void TranslateDelay(Translation& translation, const ForeignKey& row, const ForeignValue& value) {
  if (value.text == "0") {
    translation.Set(row.ours, "1");
  } else {
    TranslateCopy(translation, row, value);
  }
}

void TranslateSeconds(Translation& translation, const ForeignKey& row, const ForeignValue& value) {
  constexpr std::int64_t kMost = 1'000'000'000;
  const auto seconds = ParseNumber(value.text);
  if (seconds && *seconds > 0 && *seconds < kMost) {
    translation.Set(row.ours, std::to_string(*seconds * 1000));
  } else {
    translation.Lose(row, value, "it is not a number of seconds");
  }
}

void TranslateTopicsRegex(Translation& translation, const ForeignKey& row,
                          const ForeignValue& value) {
  if (value.text.find("${") != std::string::npos) return TranslateCopy(translation, row, value);
  const auto pattern = TranslateRegex(value.text);
  if (pattern) {
    SetText(translation, row, value, *pattern, ForeignText::kPlain);
  } else {
    translation.Lose(
        row, value,
        "not all of Java's regular expressions have an equivalent here: " + pattern.error());
  }
}

void TranslateStatusCodes(Translation& translation, const ForeignKey& row,
                          const ForeignValue& value) {
  std::string list;
  for (const std::string& range : SplitList(value.text)) {
    list += (list.empty() ? "" : ",") + ClipRange(range);
  }
  translation.Set(row.ours, std::move(list));
}

void TranslateRetryMode(Translation& translation, const ForeignKey& row,
                        const ForeignValue& value) {
  const std::string mode = Lower(value.text);
  const auto set = [&](std::string_view ours, std::string_view key, std::string_view default_text) {
    translation.Set(ours, std::string(OrDefault(translation.Find(key), default_text)));
  };
  if (mode == "fixed") {
    translation.Set(row.ours, "CONSTANT_VALUE");
    set("retry.backoff.ms", "connect.http.retry.fixed.interval.ms", "10000");
  } else if (mode == "exponential") {
    translation.Set(row.ours, "EXPONENTIAL_WITH_JITTER");
    translation.Set("retry.backoff.ms", "1000");
    set("retry.backoff.max.ms", "connect.http.retries.max.timeout.ms", "30000");
  } else {
    translation.Lose(row, value, "it is neither fixed nor exponential");
  }
}

void TranslateErrorBehavior(Translation& translation, const ForeignKey& row,
                            const ForeignValue& value) {
  const std::string behavior = Lower(value.text);
  if (behavior == "fail") {
    translation.Set(row.ours, "PROGRESS_BACK_OFF_STOP_TASK");
  } else if (behavior == "ignore" || behavior == "log") {
    translation.Set(row.ours, "PROGRESS_BACK_OFF_DROP_MESSAGE");
    translation.Warn(value, std::string(kDropAndStop));
  } else {
    translation.Lose(row, value, "fail, ignore and log are known");
  }
}

// Kafka Connect reports a failed record only if it has somewhere to report it to. Otherwise Aiven's
// sink fails its task.
void TranslateErrorTolerance(Translation& translation, const ForeignKey&,
                             const ForeignValue& value) {
  const bool is_reported = !translation.Find("errors.deadletterqueue.topic.name").empty() ||
                           IsTrue(translation.Find("errors.log.enable"));
  const bool drops = Lower(value.text) == "all" && is_reported;
  translation.Set("exception.strategy",
                  drops ? "PROGRESS_BACK_OFF_DROP_MESSAGE" : "PROGRESS_BACK_OFF_STOP_TASK");
  if (drops) translation.Warn(value, std::string(kDropAndStop));
  if (!value.is_default) translation.Set(value.key, value.text);
}

void TranslateErrorThreshold(Translation& translation, const ForeignKey& row,
                             const ForeignValue& value) {
  translation.Set(row.ours, "PROGRESS_BACK_OFF_STOP_TASK");
  if (value.text == "0") return;
  translation.Warn(value, value.is_default
                              ? "it is 5 by default; the connector stops at the first record that "
                                "is given up"
                              : "the connector stops at the first record that is given up");
}

void TranslateNullValues(Translation& translation, const ForeignKey& row,
                         const ForeignValue& value) {
  std::string behavior = Lower(value.text);
  const std::string on_error = Lower(translation.Find("behavior.on.error"));
  if (behavior == "log") behavior = "ignore";
  if (behavior == "fail" && (on_error == "ignore" || on_error == "log")) {
    behavior = "ignore";
    translation.Warn(value,
                     "fail follows behavior.on.error there, which goes on; fail would stop the "
                     "connector here, and ignore drops the record");
  }
  translation.Set(row.ours, std::move(behavior));
}

void TranslateAuthType(Translation& translation, const ForeignKey& row, const ForeignValue& value) {
  const std::string type = Upper(value.text);
  if (type == "BASIC" || type == "OAUTH2" || type == "BEARER" || type == "API_KEY") {
    translation.Set(row.ours, type);
  } else if (type != "NONE" && type != "STATIC") {
    translation.Lose(row, value, "NONE, BASIC, OAUTH2, BEARER and API_KEY are known here");
  }
}

void TranslateCredential(Translation& translation, const ForeignKey& row,
                         const ForeignValue& value) {
  if (AuthTypeOf(translation) != AuthTypeFor(row.ours)) {
    translation.LeaveOut(value, "it is for another type of authentication");
  } else if (!value.text.empty()) {
    TranslateCopy(translation, row, value);
  }
}

void TranslateAuthMode(Translation& translation, const ForeignKey& row, const ForeignValue& value) {
  const std::string mode = Lower(value.text);
  if (AuthTypeOf(translation) != AuthTypeFor(row.ours)) {
    translation.LeaveOut(value, "it is for another type of authentication");
  } else if (mode == "header") {
    translation.Set(row.ours, "header_raw");
  } else {
    translation.Set(row.ours, mode);
  }
}

void TranslateProxy(Translation& translation, const ForeignKey& row, const ForeignValue& value) {
  const auto port = ParseNumber(value.text);
  if (!port || *port > 0) TranslateCopy(translation, row, value);
}

void TranslateTrustStore(Translation& translation, const ForeignKey& row,
                         const ForeignValue& value) {
  if (IsPemStore(translation, value.key)) {
    TranslateCopy(translation, row, value);
  } else {
    TranslateLost(translation, row, value);
  }
}

void TranslateKeyStore(Translation& translation, const ForeignKey& row, const ForeignValue& value) {
  TranslateTrustStore(translation, row, value);
  if (!IsPemStore(translation, value.key)) return;
  SetText(translation, {.key = row.key, .ours = "ssl.key.location"}, value, value.text,
          ForeignText::kPlain);
}

void TranslateKeyPassword(Translation& translation, const ForeignKey& row,
                          const ForeignValue& value) {
  constexpr std::string_view kKeyPassword = "key.password";
  const std::string_view prefix =
      std::string_view(value.key).substr(0, value.key.size() - kKeyPassword.size());
  if (IsPemStore(translation, std::string(prefix) + "keystore.location")) {
    TranslateCopy(translation, row, value);
  } else {
    translation.LeaveOut(value, "it belongs to the keystore");
  }
}

void TranslateIdentification(Translation& translation, const ForeignKey& row,
                             const ForeignValue& value) {
  if (value.text.empty()) {
    translation.Lose(row, value,
                     "blank turns the verification of host names off there; " + AdviceOf(row));
  } else {
    translation.LeaveOut(value, "host names are verified");
  }
}

void TranslateHostVerifier(Translation& translation, const ForeignKey& row,
                           const ForeignValue& value) {
  if (!IsTrue(value.text)) translation.Lose(row, value, AdviceOf(row));
}

void TranslateTrustAll(Translation& translation, const ForeignKey& row, const ForeignValue& value) {
  if (IsTrue(value.text)) translation.Set(row.ours, "none");
}

void TranslateReporter(Translation& translation, const ForeignKey& row, const ForeignValue& value) {
  if (translation.Has("reporter.result.topic.name") &&
      translation.Has("reporter.error.topic.name")) {
    return TranslateLeftOut(translation, row, value);
  }
  translation.Warn(value,
                   "without reporter.result.topic.name or reporter.error.topic.name, responses or "
                   "errors go to topics of default names there; nothing is reported here");
}

void TranslateBatchSize(Translation& translation, const ForeignKey& row,
                        const ForeignValue& value) {
  const auto size = ParseNumber(value.text);
  if (!size || *size > 1) translation.Lose(row, value, AdviceOf(row));
}

void TranslateBatchBound(Translation& translation, const ForeignKey& row,
                         const ForeignValue& value) {
  if (value.text == "0") return;
  if (OrDefault(translation.Find("connect.http.batch.count"), "1") == "1") {
    translation.LeaveOut(value, "a batch of one record has no other bound");
  } else {
    translation.Lose(row, value, AdviceOf(row));
  }
}

void TranslateConverter(Translation& translation, const ForeignKey& row,
                        const ForeignValue& value) {
  const std::string name = value.text.substr(value.text.rfind('.') + 1);
  if (name == "StringConverter" || name == "ByteArrayConverter") {
    translation.Set(value.key, name);
  } else if (value.key == "header.converter") {
    translation.LeaveOut(value, "headers are forwarded as they are");
  } else if (name != "JsonConverter") {
    translation.Lose(row, value, std::string(row.note));
  } else if (Lower(translation.Find(value.key + ".schemas.enable")) == "false") {
    translation.LeaveOut(value, "JSON is sent as it is in the topic");
  } else {
    translation.Lose(row, value,
                     "the record would be sent with its schema: nothing is converted here");
  }
}

void TranslateDataFormat(Translation& translation, const ForeignKey& row,
                         const ForeignValue& value) {
  const std::string format = Upper(value.text);
  if (format != "JSON" && format != "STRING" && format != "BYTES") {
    translation.Lose(row, value, AdviceOf(row));
  }
}

}  // namespace khs::config
