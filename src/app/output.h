#pragma once

#include <string>

#include "config/problem.h"

namespace khs::app {

// Writes what the standard output still buffers. Prints an error and returns false if anything so
// far could not be written.
bool FlushOutput();

// Prints problems to the standard error, a line each.
void PrintProblems(const config::Problems& problems);
// Prints an error about a file, an option or a key to the standard error.
void PrintError(const std::string& about, const std::string& message);

}  // namespace khs::app
