#pragma once

#include <string>

namespace khs::config {

// POSIX extended regular expressions of topics, as librdkafka takes them by glibc. Any thread.

// Why a pattern is none that may be used, or nothing. glibc compiles recursively and repeats by
// copying, so what would take its stack or gigabytes never gets there: 8,192 bytes, 50 parentheses
// in each other, 20,000 elements once `{m,n}` are written out, and no back-references, which take
// exponential time.
std::string JudgeTopicsRegex(const std::string& pattern);

// Whether the whole of the topic's name matches (kafka::Consumer asks for the same). The pattern is
// one that was not objected to.
bool MatchesTopicsRegex(const std::string& pattern, const std::string& topic);

}  // namespace khs::config
