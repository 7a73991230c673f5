#include "delivery/retry_indicator.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <Poco/String.h>

#include <string>

namespace khs::delivery {

std::optional<bool> ParseRetryIndicator(std::string_view body) {
  if (body.empty() || body.size() > kMaxIndicatorBody) return std::nullopt;
  try {
    Poco::JSON::Parser parser;
    const Poco::Dynamic::Var document = parser.parse(std::string(body));
    if (document.type() != typeid(Poco::JSON::Object::Ptr)) return std::nullopt;
    const Poco::Dynamic::Var retry = document.extract<Poco::JSON::Object::Ptr>()->get("retry");
    if (retry.isBoolean()) return retry.extract<bool>();
    if (retry.isString()) {
      const auto& text = retry.extract<std::string>();
      if (Poco::icompare(text, "true") == 0) return true;
      if (Poco::icompare(text, "false") == 0) return false;
    }
  } catch (const Poco::Exception&) {
    // Not JSON: no indicator.
  }
  return std::nullopt;
}

}  // namespace khs::delivery
