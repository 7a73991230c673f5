#pragma once

#include <exception>
#include <string>
#include <utility>

#include "delivery/reply.h"

namespace khs::http {

// Exception that ends an attempt without a response.
struct Fault final : std::exception {
  Fault(delivery::FaultKind kind, std::string detail) : fault{kind, std::move(detail)} {}
  const char* what() const noexcept override { return fault.detail.c_str(); }

  delivery::RequestFault fault;
};

}  // namespace khs::http
