#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/connector_config.h"
#include "delivery/policy.h"
#include "delivery/record.h"
#include "delivery/record_fault.h"
#include "request/cloud_event.h"
#include "request/request.h"
#include "request/signature.h"
#include "request/template.h"

namespace khs::request {

// Connector and consumer group, as the headers name them.
struct Identity {
  std::string connector;
  std::string group;
};

// Builds the request of a record according to a connector's definition. Pure and immutable, so any
// thread may use it. Owned by the task's route.
class Builder {
 public:
  // Throws std::runtime_error that names the configuration key of an invalid URL, header or secret.
  Builder(config::EndpointConfig endpoint, Identity identity, delivery::NullValues null_values);

  // Returns the same request for every attempt, but for the signature, which contains `now`, the
  // time of the attempt. The record must outlive it. Configured headers override forwarded ones,
  // and headers that describe the record override both. Returns a fault if a template lacks its
  // part of the record.
  base::Expected<Request, delivery::RecordFault> Build(const delivery::Record& record,
                                                       base::WallTime now) const;

 private:
  // A configured header, whose value is constant unless it has templates.
  struct Header {
    std::string name;
    std::string value;
    std::optional<TemplateRenderer> renderer;
  };

  void CompileTemplates();
  std::optional<delivery::RecordFault> AppendConfigured(RecordLookup& lookup,
                                                        Headers& headers) const;

  const config::EndpointConfig endpoint_;
  const Identity identity_;
  const delivery::NullValues null_values_;
  const std::string encoded_group_;  // for Idempotency-Key
  std::string target_;               // unless it has templates
  std::string credentials_query_;    // the end of every target
  JsonPaths paths_;                  // of all templates
  std::vector<Header> headers_;
  std::optional<TemplateRenderer> target_renderer_;
  std::optional<TemplateRenderer> body_renderer_;
  std::optional<EventBuilder> event_builder_;
  std::optional<Signer> signer_;
};

}  // namespace khs::request
