#pragma once

#include <cstddef>

namespace khs::testing {

// Lets this process start so many more threads and no further one. For a child process of a test,
// since nothing takes it back; it changes the user for that, because the limit does not bind root.
// False when the system does not let it.
bool AllowThreads(size_t more);

// For EXPECT_EXIT: what a child process exits with where it was not let, and whether it did so or
// exited with 0. The former is said, since nothing was tested then.
inline constexpr int kNotLet = 77;
bool ExitedWell(int status);

}  // namespace khs::testing
