#pragma once

#include <cstddef>
#include <optional>

namespace khs::base {

// File descriptors, as shared by all rooms. The system gives each new descriptor the lowest free
// number below the process's limit. The highest numbers are a reserve for listeners, definition and
// state files, and files that libraries open briefly. Connections to brokers and endpoints, whose
// number is unbounded, may not use the reserve. All functions are thread-safe.
//
//   0 ....................... | ........ limit / 8 ........ | ...... reserve ...... | limit
//   every connection            connections with              listeners, files
//                               Claim::kNeeded only

// Returns the soft limit, which may change while the process runs.
size_t MaxDescriptors();

// Returns the size of the reserve: 100, but at most a quarter of the limit. Pure.
size_t ReservedDescriptors(size_t limit);

// Returns the number of open descriptors; nullopt when /proc cannot be read.
std::optional<size_t> OpenDescriptors();

struct RaisedLimit {
  size_t before;
  size_t now;
};
// Raises the soft limit to the hard limit, if the system allows it.
RaisedLimit RaiseMaxDescriptors();

// Returns whether a descriptor is in the reserve: all others were in use when it was opened.
bool IsReserved(int descriptor);

enum class Claim {
  kNeeded,  // the client has no other connection
  kMore,    // an additional connection, which leaves an eighth of the limit to others
};
// Opens a socket like socket(2), non-blocking and close-on-exec. Returns -1 with EMFILE when the
// claim does not allow the descriptor that the system assigned.
int OpenSocket(int domain, int type, int protocol, Claim claim);

// Returns whether a socket with Claim::kMore could not be opened now.
bool IsNearDescriptorLimit();

// Returns whether an errno means that the process or the system is out of descriptors.
bool IsDescriptorShortage(int error);

}  // namespace khs::base
