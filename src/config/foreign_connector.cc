#include "config/foreign_connector.h"

#include <algorithm>
#include <array>

#include "config/text.h"

namespace khs::config {
namespace {

using enum ForeignKind;

struct KnownSink {
  ForeignKind kind;
  std::string_view name;
  std::array<std::string_view, 2> classes;
  std::array<std::string_view, 2> keys;  // no other sink has them
};

constexpr std::array kSinks{
    KnownSink{kConfluent,
              "Confluent's HTTP sink",
              {"io.confluent.connect.http.HttpSinkConnector"},
              {"http.api.url"}},
    KnownSink{kConfluentV2,
              "Confluent's HTTP sink V2",
              {"io.confluent.connect.http.sink.GenericHttpSinkConnector", "HttpSinkV2"},
              {"http.api.base.url", "api1.http.api.path"}},
    KnownSink{kAiven,
              "Aiven's HTTP sink",
              {"io.aiven.kafka.connect.http.HttpSinkConnector"},
              {"http.url", "http.authorization.type"}},
    KnownSink{kLenses,
              "Lenses' HTTP sink",
              {"io.lenses.streamreactor.connect.http.sink.HttpSinkConnector"},
              {"connect.http.endpoint", "connect.http.config"}},
};

}  // namespace

std::string_view NameOf(ForeignKind kind) {
  return std::find_if(kSinks.begin(), kSinks.end(),
                      [kind](const KnownSink& sink) { return sink.kind == kind; })
      ->name;
}

std::optional<ForeignKind> KindOfClass(std::string_view connector_class) {
  const std::string_view text = Trim(connector_class);
  if (text.empty()) return std::nullopt;
  for (const KnownSink& sink : kSinks) {
    if (std::find(sink.classes.begin(), sink.classes.end(), text) != sink.classes.end()) {
      return sink.kind;
    }
  }
  return std::nullopt;
}

std::optional<ForeignKind> RecognizeKind(const FindText& find) {
  if (const std::string* text = find("connector.class")) {
    if (const auto kind = KindOfClass(*text)) return kind;
  }
  for (const KnownSink& sink : kSinks) {
    for (const std::string_view key : sink.keys) {
      if (!key.empty() && find(key) != nullptr) return sink.kind;
    }
  }
  return std::nullopt;
}

const ForeignKey* FindForeignKey(ForeignKind kind, std::string_view key) {
  const ForeignKey* family = nullptr;
  for (const auto& group : ForeignKeys(kind)) {
    for (const ForeignKey& row : group) {
      if (row.key == key) return &row;
      if (!row.key.ends_with(".*")) continue;
      const bool longer = family == nullptr || row.key.size() > family->key.size();
      if (longer && key.starts_with(row.key.substr(0, row.key.size() - 1))) family = &row;
    }
  }
  return family;
}

std::string AdviceOf(const ForeignKey& row, std::string_view prefix) {
  if (row.ours.empty()) return std::string(row.note);
  std::string text = "use " + std::string(prefix) + std::string(row.ours) + " instead";
  return row.note.empty() ? text : text + "; " + std::string(row.note);
}

std::optional<std::string> DescribeForeignKey(std::optional<ForeignKind> kind, std::string_view key,
                                              std::string_view prefix) {
  const ForeignKey* row = kind ? FindForeignKey(*kind, key) : nullptr;
  for (auto sink = kSinks.begin(); !kind && row == nullptr && sink != kSinks.end(); ++sink) {
    row = FindForeignKey(sink->kind, key);
    if (row != nullptr) kind = sink->kind;
  }
  if (row == nullptr || row->ours == key) return std::nullopt;
  return "Unknown key of " + std::string(NameOf(*kind)) + ": " + AdviceOf(*row, prefix);
}

}  // namespace khs::config
