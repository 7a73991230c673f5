#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_text.h"
#include "base/result.h"
#include "config/template.h"
#include "delivery/record.h"
#include "delivery/record_fault.h"

namespace khs::request {

// The paths by which the templates of a definition look into keys and values.
struct JsonPaths {
  std::vector<base::JsonPath> key;
  std::vector<base::JsonPath> value;
};

// What templates find in one record. Parses its key and value as JSON once, when a path needs it.
class RecordLookup {
 public:
  // Both must outlive the lookup.
  RecordLookup(const delivery::Record& record, const JsonPaths& paths)
      : record_(record), paths_(paths) {}

  struct Found {
    std::string_view text;  // valid until the next call
    bool is_json = false;
    const char* problem = nullptr;  // why there is nothing; null: it was found
  };
  // Finds the text of a field. `path` is an index of JsonPaths; absent: the whole key or value.
  Found Find(const config::TemplateField& field, std::optional<size_t> path);

 private:
  using Json = base::Expected<std::vector<std::string_view>, base::JsonFault>;

  Found FindNumber(int64_t number);
  Found FindHeader(const std::string& name) const;
  static Found FindIn(const std::string& text, const std::vector<base::JsonPath>& paths,
                      std::optional<size_t> path, std::optional<Json>& json);

  const delivery::Record& record_;
  const JsonPaths& paths_;
  std::optional<Json> key_;  // absent: not parsed yet
  std::optional<Json> value_;
  std::string number_;
};

// Renders one text of a definition for records. Every field is encoded for its place, so that it
// cannot end the place, and the result is never scanned for templates. Immutable; owned by Builder.
class TemplateRenderer {
 public:
  // What the text is, which decides how fields are encoded.
  enum class Place { kTarget, kHeader, kBody, kJsonBody };

  // `text` is path and query for kTarget. `name` begins the text of faults. Adds to `paths`.
  TemplateRenderer(const config::Template& text, Place place, std::string name, JsonPaths& paths);

  // Appends the text, or returns why there is none.
  std::optional<delivery::RecordFault> Render(RecordLookup& record, std::string& out) const;

 private:
  // A literal, or a field, and where it stands.
  struct Piece {
    std::string literal;
    std::optional<config::TemplateField> field;
    std::optional<size_t> path;  // an index of JsonPaths
    bool in_query = false;       // of a target
    bool in_string = false;      // of a JSON body
  };

  void AddLiteral(std::string_view literal);
  void AddField(const config::TemplateField& field, JsonPaths& paths);
  // Both return why the record has no such text; null if it has.
  const char* AppendField(const Piece& piece, RecordLookup& record, std::string& out) const;
  const char* AppendEncoded(const Piece& piece, const RecordLookup::Found& found,
                            std::string& out) const;
  std::optional<delivery::RecordFault> RenderTarget(RecordLookup& record, std::string& out) const;
  delivery::RecordFault FaultOf(const Piece& piece, const char* problem) const;

  const Place place_;
  const std::string name_;
  std::vector<Piece> pieces_;
};

}  // namespace khs::request
