#include <cstdio>

#include "app/commands.h"
#include "rest/drain_request.h"

namespace khs::app {
namespace {

// The process limits its drain itself; this ends a call that is never answered.
constexpr std::chrono::minutes kTimeout{10};

}  // namespace

int Drain(const std::string& url) {
  const auto drained = rest::RequestDrain(url, kTimeout);
  if (!drained) {
    std::fprintf(stderr, "drain: %s\n", drained.error().c_str());
    return kExitFailed;
  }
  std::puts(*drained ? "drained"
                     : "not everything was finished and committed within the grace; uncommitted "
                       "records will be repeated");
  return *drained ? kExitOk : kExitFailed;
}

}  // namespace khs::app
