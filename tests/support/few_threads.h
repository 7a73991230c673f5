#pragma once

#include <cstddef>

namespace khs::testing {

// Lets this process start so many more threads and no further one. For a child process of a test,
// since nothing takes it back; it changes the user for that, because the limit does not bind root.
// False when the system does not let it.
bool AllowThreads(size_t more);

}  // namespace khs::testing
