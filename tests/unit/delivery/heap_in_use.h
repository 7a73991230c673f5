#pragma once

#include <cstddef>

namespace khs::testing {

// The bytes that `new` has given this process and not taken back. What links this has its own
// operator new.
size_t HeapInUse();

}  // namespace khs::testing
