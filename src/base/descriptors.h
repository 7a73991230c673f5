#pragma once

#include <cstddef>
#include <optional>

namespace khs::base {

// The system gives each new file descriptor the lowest number that is free, below the process's
// limit. The highest numbers are the reserve: for listeners, reading the directory and files, the
// state directory, and what libraries open for a moment. Connections to brokers and endpoints,
// which can be without number, are not made in the reserve. Any thread.
//
//   0 ......................... | .... kForTheFirst .... | ..... reserve ..... | limit
//   every connection              the only one of a        listeners, files
//                                 client, and brokers

// The limit, which may be changed from outside while the process runs.
size_t MaxDescriptors();

// How many of that limit are the reserve: 100, but at most a quarter. Pure.
size_t ReservedDescriptors(size_t limit);

// How many are open; nothing when /proc can't be read.
std::optional<size_t> OpenDescriptors();

struct RaisedLimit {
  size_t before;
  size_t now;
};
// Raises the soft limit to the hard one, as far as the system lets it.
RaisedLimit RaiseMaxDescriptors();

// Whether all descriptors outside of the reserve were in use when this one was given.
bool IsReserved(int descriptor);

enum class Claim {
  kNeeded,  // without it nothing goes on
  kMore,    // there is one already, so another one leaves an eighth of the limit to others
};
// As socket(2), never blocking and closed on exec; -1 with EMFILE instead of what the claim does
// not reach.
int OpenSocket(int domain, int type, int protocol, Claim claim);

// Whether a socket with Claim::kMore could not be opened now.
bool DescriptorsAreFew();

// Whether an errno says that this process or the system has no more descriptors.
bool IsDescriptorShortage(int error);

}  // namespace khs::base
