// The HTTP sinks of others for Kafka Connect: to which of them a definition belongs, and what their
// keys are called here. One table serves `convert`, `check` and Kafka Connect's `validate`.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace khs::config {

enum class ForeignKind { kConfluent, kConfluentV2, kAiven, kLenses };

// The name for messages, such as "Aiven's HTTP sink".
std::string_view NameOf(ForeignKind kind);

// Returns the sink that has this `connector.class`.
std::optional<ForeignKind> KindOfClass(std::string_view connector_class);

// Returns the text of a key; null if a definition does not set it.
using FindText = std::function<const std::string*(std::string_view key)>;

// Recognizes a definition by its `connector.class`, or by a key that only one sink has: classes are
// abbreviated, and Confluent Cloud's `HttpSink` is a name that this program has too.
std::optional<ForeignKind> RecognizeKind(const FindText& find);

class Translation;
struct ForeignKey;
struct ForeignValue;

// Adds what a value means here to the translation, or why it cannot be carried over.
using Translate = void (*)(Translation&, const ForeignKey&, const ForeignValue&);

// A row of the table.
struct ForeignKey {
  std::string_view key;   // ends in ".*" for a family of keys
  std::string_view ours;  // the key to use instead; empty: none
  Translate translate = nullptr;
  // What is different, or why there is no such key here; a fragment of a sentence.
  std::string_view note = {};
  // The value there of a key that is not set; absent if it means the same here.
  std::optional<std::string_view> default_value = {};
  // Whether a blank value has a meaning of its own there; otherwise the key counts as not set.
  bool is_blank_a_value = false;
};

// Returns the rows of a sink, in groups.
std::vector<std::span<const ForeignKey>> ForeignKeys(ForeignKind kind);

// Finds a key by its name, or by the longest family that it belongs to. Null if it is unknown.
const ForeignKey* FindForeignKey(ForeignKind kind, std::string_view key);

// Says what to use instead of a row's key, and the note.
std::string AdviceOf(const ForeignKey& row, std::string_view prefix = {});

// Says the same of a key that is unknown here. `prefix` precedes the names of keys
// (`defaults.`). Without a kind it is the first sink that has the key. Returns nothing if no sink
// has it, or if it is called the same here.
std::optional<std::string> DescribeForeignKey(std::optional<ForeignKind> kind, std::string_view key,
                                              std::string_view prefix);

}  // namespace khs::config
