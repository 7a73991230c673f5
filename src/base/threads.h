#pragma once

#include <cstddef>
#include <exception>
#include <string>
#include <system_error>

namespace khs::base {

// Whether so many more threads can be started: starts them and ends them again, some 30 us each.
// The system's error when they can't. For libraries that don't survive a thread that they can't
// start. Any thread.
std::error_code TryThreads(size_t count);

// What an exception says; of one that says that there are no more threads also which limits to look
// at, which its own words leave out.
std::string Describe(const std::exception& error);

}  // namespace khs::base
