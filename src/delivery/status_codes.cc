#include "delivery/status_codes.h"

namespace khs::delivery {

StatusCodes::StatusCodes(std::initializer_list<Range> ranges) {
  for (const Range range : ranges) Add(range);
}

void StatusCodes::Add(Range range) {
  for (int code = range.first; code <= range.last; ++code) {
    codes_.set(static_cast<size_t>(code - kMin));
  }
}

bool StatusCodes::Contains(int status) const {
  return status >= kMin && status <= kOpenEnd && codes_.test(static_cast<size_t>(status - kMin));
}

std::optional<int> StatusCodes::FirstCommon(const StatusCodes& other) const {
  for (int code = kMin; code <= kOpenEnd; ++code) {
    if (Contains(code) && other.Contains(code)) return code;
  }
  return std::nullopt;
}

}  // namespace khs::delivery
