#pragma once

#include <string>
#include <string_view>

namespace khs::config {

// What is wrong with `callback.request.url`; empty when nothing is.
std::string JudgeEndpointUrl(std::string_view url);

}  // namespace khs::config
