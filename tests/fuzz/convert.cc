// A definition of another HTTP sink. What it is converted to is TOML, unless a loss says why not. A
// loss is listed in a comment.
#include "config/convert.h"

#include <string>

#include "base/utf8.h"
#include "config/flat.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace khs;
  const std::string_view text = fuzz::TextOf(data, size);
  const auto conversion = config::ConvertDefinition("orders.json", text);
  if (!conversion) {
    FUZZ_CHECK(config::HasErrors(conversion.error()));
    return 0;
  }
  for (const config::Problem& problem : conversion->problems) {
    const std::string line = config::Format(problem);
    FUZZ_CHECK(base::IsUtf8(line) && !base::HasControlCharacter(line));
  }
  const bool has_losses = config::HasErrors(conversion->problems);
  FUZZ_CHECK(has_losses == (conversion->toml.find("\n# Lost:\n") != std::string::npos));
  const auto read = config::ReadToml("orders.toml", conversion->toml, config::KeepsHeaderTable);
  FUZZ_CHECK(read || has_losses);
  return 0;
}
