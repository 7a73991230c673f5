#include "config/cloud_event_values.h"

#include <array>
#include <string_view>
#include <utility>

#include "config/row_setters.h"
#include "config/text.h"

namespace khs::config {
namespace {

Outcome SetAttribute(const Value& value, Template& target) {
  if (Trim(value.text).empty()) return Invalid("String may not be empty");
  if (!IsUtf8(value.text)) return Invalid("must be valid UTF-8");
  if (HasControlCharacter(value.text)) return Invalid("must not contain control characters");
  target = value.with_fields;
  return Accepted();
}

}  // namespace

Outcome SetEventMode(const Value& value, ConnectorDraft& draft) {
  using Mode = CloudEventsConfig::Mode;
  constexpr std::array<std::pair<std::string_view, Mode>, 3> kModes = {
      {{"NONE", Mode::kNone}, {"BINARY", Mode::kBinary}, {"STRUCTURED", Mode::kStructured}}};
  return SetChoice(value, kModes, draft.config.endpoint.cloud_events.mode);
}

Outcome SetEventType(const Value& value, ConnectorDraft& draft) {
  return SetAttribute(value, draft.config.endpoint.cloud_events.type);
}

Outcome SetEventSource(const Value& value, ConnectorDraft& draft) {
  return SetAttribute(value, draft.config.endpoint.cloud_events.source);
}

}  // namespace khs::config
