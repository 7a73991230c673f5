#include "request/template.h"

#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "base/header_syntax.h"
#include "base/utf8.h"
#include "request/target.h"

namespace khs::request {
namespace {

using config::TemplateField;
using delivery::RecordFault;
using Source = TemplateField::Source;

constexpr size_t kMaxTarget = 64 * 1024;
constexpr size_t kMaxHeader = 8 * 1024;
constexpr size_t kMaxBody = 64 * 1024 * 1024;

constexpr const char* kIsNull = "it is null";
constexpr const char* kNotUtf8 = "it is not UTF-8";

bool IsLiteral(const config::Template::Part& part) {
  return std::holds_alternative<base::Secret>(part);
}

// Returns whether receivers remove a path segment, and for `..` the one before it. `%2e` counts as
// a dot for them, and parameters (`;a=b`) don't count.
bool IsDotSegment(std::string_view segment) {
  int dots = 0;
  segment = segment.substr(0, segment.find(';'));
  while (!segment.empty()) {
    const bool encoded = base::EqualIgnoringCase(segment.substr(0, 3), "%2e");
    if (!encoded && segment.front() != '.') return false;
    segment.remove_prefix(encoded ? 3 : 1);
    if (++dots > 2) return false;
  }
  return dots > 0;
}

const char* ProblemOf(base::JsonFault fault) {
  switch (fault) {
    case base::JsonFault::kTooDeep:
      return "it is nested deeper than 128 levels";
    case base::JsonFault::kNotUtf8:
      return kNotUtf8;
    case base::JsonFault::kSyntax:
      break;
  }
  return "it is not JSON";
}

using Json = base::Expected<std::vector<std::string_view>, base::JsonFault>;

RecordLookup::Found FoundAt(const Json& json, size_t path) {
  if (!json) return {{}, false, ProblemOf(json.error())};
  const std::string_view found = (*json)[path];
  if (found.empty()) return {{}, false, "there is no such field"};
  if (found == "null") return {{}, false, kIsNull};
  return {found, true};
}

// Finds a JSON text as a whole.
RecordLookup::Found FoundIn(std::string_view text) {
  const base::JsonPath whole;
  return FoundAt(base::FindInJson(text, {&whole, 1}), 0);
}

}  // namespace

RecordLookup::Found RecordLookup::Find(const TemplateField& field, std::optional<size_t> path) {
  switch (field.source) {
    case Source::kTopic:
      return {record_.topic_partition.topic};
    case Source::kPartition:
      return FindNumber(record_.topic_partition.partition);
    case Source::kOffset:
      return FindNumber(record_.offset);
    case Source::kTimestamp:
      if (!record_.timestamp) return {{}, false, "the record has no timestamp"};
      return FindNumber(record_.timestamp->count());
    case Source::kKey:
      if (!record_.key) return {{}, false, "the record has no key"};
      return FindIn(*record_.key, paths_.key, path, key_);
    case Source::kValue:
      if (!record_.value) return {{}, false, "the record has no value"};
      return FindIn(*record_.value, paths_.value, path, value_);
    case Source::kHeader:
      break;
  }
  return FindHeader(field.header);
}

RecordLookup::Found RecordLookup::FindNumber(int64_t number) {
  number_ = std::to_string(number);
  return {number_, true};
}

// Kafka allows repeated headers; the last one counts.
RecordLookup::Found RecordLookup::FindHeader(const std::string& name) const {
  const auto header =
      std::find_if(record_.headers.rbegin(), record_.headers.rend(),
                   [&name](const delivery::RecordHeader& each) { return each.name == name; });
  if (header == record_.headers.rend()) return {{}, false, "the record has no such header"};
  if (!header->value) return {{}, false, kIsNull};
  return {*header->value};
}

RecordLookup::Found RecordLookup::FindIn(const std::string& text,
                                         const std::vector<base::JsonPath>& paths,
                                         std::optional<size_t> path, std::optional<Json>& json) {
  if (!path) return {text};
  if (!json) json = base::FindInJson(text, paths);
  return FoundAt(*json, *path);
}

TemplateRenderer::TemplateRenderer(const config::Template& text, Place place, std::string name,
                                   JsonPaths& paths)
    : place_(place), name_(std::move(name)) {
  for (const config::Template::Part& part : text.parts()) {
    if (IsLiteral(part)) {
      AddLiteral(std::get<base::Secret>(part).Reveal());
    } else {
      AddField(std::get<TemplateField>(part), paths);
    }
  }
}

// The literals of a target are split where its query begins.
void TemplateRenderer::AddLiteral(std::string_view literal) {
  Piece piece;
  const bool in_query = !pieces_.empty() && pieces_.back().in_query;
  if (place_ == Place::kTarget && !in_query) {
    const size_t query = std::min(literal.find('?'), literal.size());
    if (query > 0)
      pieces_.push_back({EncodeForTarget(literal.substr(0, query)), {}, {}, false, false});
    literal.remove_prefix(query);
    if (literal.empty()) return;
    piece.in_query = true;
  } else {
    piece.in_query = in_query;
  }
  piece.literal = place_ == Place::kTarget ? EncodeForTarget(literal) : std::string(literal);
  pieces_.push_back(std::move(piece));
}

void TemplateRenderer::AddField(const TemplateField& field, JsonPaths& paths) {
  Piece piece;
  piece.field = field;
  if (!pieces_.empty()) piece.in_query = pieces_.back().in_query;
  for (const Piece& before : pieces_) {
    piece.in_string = base::EndsInJsonString(before.literal, piece.in_string);
  }
  const bool in_key = field.source == Source::kKey;
  const bool needs_json = place_ == Place::kJsonBody && !piece.in_string;
  if ((in_key || field.source == Source::kValue) && (needs_json || !field.path.empty())) {
    auto& known = in_key ? paths.key : paths.value;
    piece.path = known.size();
    known.push_back(field.path);
  }
  pieces_.push_back(std::move(piece));
}

std::optional<RecordFault> TemplateRenderer::Render(RecordLookup& record, std::string& out) const {
  if (place_ == Place::kTarget) return RenderTarget(record, out);
  const size_t start = out.size();
  const size_t most = place_ == Place::kHeader ? kMaxHeader : kMaxBody;
  for (const Piece& piece : pieces_) {
    if (!piece.field) {
      out += piece.literal;
    } else if (const char* problem = AppendField(piece, record, out)) {
      return FaultOf(piece, problem);
    }
    if (out.size() - start > most) {
      return RecordFault{name_ + " would be longer than " + std::to_string(most) + " bytes"};
    }
  }
  return std::nullopt;
}

// Receivers resolve the segments `.` and `..` even when they are percent-encoded, and treat an
// empty one as the collection. A record must not choose another path in this way.
std::optional<RecordFault> TemplateRenderer::RenderTarget(RecordLookup& record,
                                                          std::string& out) const {
  size_t segment = 0;               // where it starts
  const Piece* of_field = nullptr;  // the last field in the segment
  const auto is_dots = [&] {
    return of_field != nullptr && IsDotSegment(std::string_view(out).substr(segment));
  };
  constexpr const char* kDots = "its path segment would be . or ..";
  for (const Piece& piece : pieces_) {
    if (piece.in_query && is_dots()) return FaultOf(*of_field, kDots);
    if (piece.in_query) of_field = nullptr;
    if (piece.field) {
      const size_t start = out.size();
      if (const char* problem = AppendField(piece, record, out)) return FaultOf(piece, problem);
      if (!piece.in_query) {
        if (out.size() == start) return FaultOf(piece, "it is empty, which a path must not be");
        of_field = &piece;
      }
    } else if (const size_t slash = piece.literal.find('/');
               piece.in_query || slash == std::string::npos) {
      out += piece.literal;
    } else {
      out += std::string_view(piece.literal).substr(0, slash);
      if (is_dots()) return FaultOf(*of_field, kDots);
      of_field = nullptr;
      out += std::string_view(piece.literal).substr(slash);
      segment = out.rfind('/') + 1;
    }
    if (out.size() > kMaxTarget) {
      return RecordFault{name_ + " would be longer than " + std::to_string(kMaxTarget) + " bytes"};
    }
  }
  if (is_dots()) return FaultOf(*of_field, kDots);
  return std::nullopt;
}

const char* TemplateRenderer::AppendField(const Piece& piece, RecordLookup& record,
                                          std::string& out) const {
  RecordLookup::Found found = record.Find(*piece.field, piece.path);
  const bool needs_json = place_ == Place::kJsonBody && !piece.in_string;
  const bool is_header = piece.field->source == Source::kHeader;
  if (found.problem == nullptr && needs_json && is_header) found = FoundIn(found.text);
  if (found.problem == nullptr) return AppendEncoded(piece, found, out);
  if (!piece.field->default_text) return found.problem;
  return AppendEncoded(piece, {*piece.field->default_text, needs_json}, out);
}

const char* TemplateRenderer::AppendEncoded(const Piece& piece, const RecordLookup::Found& found,
                                            std::string& out) const {
  std::string_view text = found.text;
  if (place_ == Place::kJsonBody && !piece.in_string) {
    if (found.is_json) {
      base::AppendCompactJson(out, text);
    } else {  // the topic
      base::AppendJsonEscaped(out += '"', text);
      out += '"';
    }
    return nullptr;
  }
  std::string plain;
  if (found.is_json && text.front() == '"') {
    auto unescaped = base::UnescapeJson(text);
    if (!unescaped) return "it has half of a surrogate pair, which is no character";
    text = plain = std::move(*unescaped);
  } else if (found.is_json && (text.front() == '{' || text.front() == '[')) {
    if (place_ == Place::kTarget || place_ == Place::kHeader) return "it is an object or an array";
    base::AppendCompactJson(plain, text);
    text = plain;
  }
  switch (place_) {
    case Place::kTarget:
      base::AppendPercentEncoded(out, text);
      break;
    case Place::kHeader:
      if (base::HasControlCharacter(text)) return "it has a control character";
      out += text;
      break;
    case Place::kBody:
      out += text;
      break;
    case Place::kJsonBody:
      if (!base::IsUtf8(text)) return kNotUtf8;
      base::AppendJsonEscaped(out, text);
      break;
  }
  return nullptr;
}

RecordFault TemplateRenderer::FaultOf(const Piece& piece, const char* problem) const {
  return {name_ + ": " + piece.field->shown + ": " + problem};
}

}  // namespace khs::request
