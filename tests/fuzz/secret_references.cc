// Values with `${env:NAME}`, `${file:/path}` and `${dir:/path:key}`. Parsed
// parts can be written back; a resolved text consists of the literals and the secrets in order.
#include <algorithm>
#include <optional>
#include <string>

#include "config/secrets.h"
#include "fuzz/fuzz.h"

namespace khs::fuzz {
namespace {

using config::SecretReference;
using Parts = std::vector<config::TextPart>;

std::string Escaped(std::string_view literal) {
  std::string written;
  for (std::size_t at = 0; at < literal.size(); ++at) {
    if (literal.substr(at).starts_with("${")) written += '$';
    written += literal[at];
  }
  return written;
}

std::string Write(const Parts& parts) {
  std::string text;
  for (const auto& part : parts) {
    const auto* reference = std::get_if<SecretReference>(&part);
    text += reference ? config::Format(*reference) : Escaped(std::get<std::string>(part));
  }
  return text;
}

// The reader of secrets relies on these properties of a path.
void CheckReference(const SecretReference& reference) {
  for (const std::string& text : {reference.place, reference.key}) {
    for (const char c : text) FUZZ_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  }
  FUZZ_CHECK(!reference.place.empty());
  if (reference.kind == SecretReference::Kind::kEnvironment) return;
  FUZZ_CHECK(reference.place.front() == '/');
  FUZZ_CHECK(("/" + reference.place + "/").find("/../") == std::string::npos);
  FUZZ_CHECK(reference.key.find('/') == std::string::npos && reference.key != "..");
}

std::string SecretOf(const SecretReference& reference) {
  return "<" + reference.place + "|" + reference.key + ">";
}

void CheckResolved(std::string_view text, const Parts& parts) {
  std::string expected;
  std::optional<std::size_t> first;
  for (const auto& part : parts) {
    const auto* reference = std::get_if<SecretReference>(&part);
    if (reference && !first) first = expected.size();
    expected += reference ? SecretOf(*reference) : std::get<std::string>(part);
  }
  // The resolver removes one line end.
  const config::ReadSecret read = [](const SecretReference& reference) {
    return base::Expected<std::string, std::string>(SecretOf(reference) + "\n");
  };
  config::SecretResolver resolver(&read);
  const auto resolved = resolver.Resolve(text);
  FUZZ_CHECK(resolved && resolved->is_complete);
  FUZZ_CHECK(resolved->text == expected && resolved->first_secret == first);
  const auto& references = resolver.references();
  FUZZ_CHECK(references.empty() == !first);
  for (const SecretReference& reference : references) {
    FUZZ_CHECK(std::count(references.begin(), references.end(), reference) == 1);
  }

  config::SecretResolver nobody(nullptr);
  const auto judged = nobody.Resolve(text);
  FUZZ_CHECK(judged && judged->is_complete == !first && nobody.references() == references);
}

}  // namespace
}  // namespace khs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace khs;
  const std::string_view text = fuzz::TextOf(data, size);
  const auto parts = config::ParseReferences(text);
  if (!parts) {
    FUZZ_CHECK(parts.error().starts_with("the reference at character "));
    config::SecretResolver nobody(nullptr);
    FUZZ_CHECK(!nobody.Resolve(text));
    return 0;
  }
  for (const auto& part : *parts) {
    if (const auto* reference = std::get_if<config::SecretReference>(&part)) {
      fuzz::CheckReference(*reference);
    }
  }
  const auto again = config::ParseReferences(fuzz::Write(*parts));
  FUZZ_CHECK(again && *again == *parts);
  fuzz::CheckResolved(text, *parts);
  return 0;
}
