#pragma once

#include <cstddef>

namespace khs::testing {

// Limits this process to `more` additional threads. Cannot be undone, so only child processes of
// tests may call it. Changes the user, because the limit does not apply to root. False when that
// fails.
bool AllowThreads(size_t more);

// For EXPECT_EXIT: a child process exits with kNotLet when AllowThreads failed. ExitedWell accepts
// this, and reports it because nothing was tested, and 0.
inline constexpr int kNotLet = 77;
bool ExitedWell(int status);

}  // namespace khs::testing
