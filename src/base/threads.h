#pragma once

#include <cstddef>
#include <exception>
#include <string>
#include <system_error>

namespace khs::base {

// Checks that `count` more threads can be started, by starting and ending them (about 30 us each).
// Returns the system's error if they cannot. Call it before a library that aborts the process when
// it cannot start a thread. Thread-safe.
std::error_code TryThreads(size_t count);

// Returns the exception's message. If a thread could not be started, it also names the limits to
// check.
std::string Describe(const std::exception& error);

}  // namespace khs::base
