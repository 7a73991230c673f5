#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "config/connector_config.h"
#include "delivery/record.h"
#include "delivery/record_fault.h"
#include "request/request.h"
#include "request/template.h"

namespace khs::request {

// Attributes of a CloudEvent by name, but for datacontenttype.
using EventAttributes = std::map<std::string_view, std::string>;

// The CloudEvent that a record is, as its producer made it.
struct RecordEvent {
  enum class Form {
    kNone,        // the record is no event
    kBinary,      // its headers are the attributes, and its value is the data
    kStructured,  // its value has all of the event, or several events
  };

  Form form = Form::kNone;
  EventAttributes attributes = {};  // of kBinary; the names are parts of the record
  std::string content_type = {};    // of an event's value; empty: not stated
  int headers_left_out = 0;         // headers with the name of an attribute that are none
};

// Makes the requests of a definition CloudEvents. Immutable; owned by Builder.
class EventBuilder {
 public:
  // Adds to `paths` what the templates of the attributes need.
  EventBuilder(const config::EndpointConfig& endpoint, JsonPaths& paths);

  RecordEvent Read(const delivery::Record& record) const;

  // Returns whether the body will be a new text, with the attributes and the data. Otherwise it is
  // the data. A request that deletes has no body.
  bool WrapsData(const RecordEvent& event, bool deletes) const;

  // Makes a request an event. It has the data as its body, and the configured and forwarded
  // headers. `event` is what Read returned. Returns a fault if a template lacks its part of the
  // record.
  std::optional<delivery::RecordFault> Apply(RecordEvent event, const delivery::Record& record,
                                             bool deletes, RecordLookup& lookup,
                                             Request& request) const;

 private:
  std::optional<delivery::RecordFault> MakeAttributes(const delivery::Record& record,
                                                      RecordLookup& lookup,
                                                      EventAttributes& attributes) const;
  std::string ToJson(const EventAttributes& attributes, std::string type,
                     std::optional<std::string_view> data) const;

  const config::CloudEventsConfig config_;
  const std::string default_content_type_;
  const bool value_is_data_;  // there is no callback.request.body
  const TemplateRenderer type_;
  const TemplateRenderer source_;
};

}  // namespace khs::request
