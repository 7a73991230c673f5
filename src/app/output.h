#pragma once

namespace khs::app {

// Writes what the standard output still buffers. Prints an error and returns false if anything so
// far could not be written.
bool FlushOutput();

}  // namespace khs::app
