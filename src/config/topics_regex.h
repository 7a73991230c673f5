#pragma once

#include <string>

namespace khs::config {

// POSIX extended regular expressions for topics, which librdkafka compiles with glibc. Thread-safe.

// Returns what is wrong with a pattern; empty if it is valid. glibc compiles recursively and
// expands repetitions, so the limits protect stack and memory: 8,192 bytes, 50 nested parentheses,
// 20,000 elements after the expansion of `{m,n}`. Back-references are rejected, because they take
// exponential time.
std::string ValidateTopicsRegex(const std::string& pattern);

// Returns whether a valid pattern matches the whole name of a topic, as in kafka::Consumer.
bool MatchesTopicsRegex(const std::string& pattern, const std::string& topic);

}  // namespace khs::config
