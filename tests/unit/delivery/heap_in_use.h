#pragma once

#include <cstddef>

namespace khs::testing {

// The bytes that `new` has allocated and that are not freed. A program that links this has its own
// operator new.
size_t HeapInUse();

}  // namespace khs::testing
