#pragma once

#include <bitset>
#include <initializer_list>
#include <optional>

namespace khs::delivery {

// A set of HTTP status codes.
class StatusCodes {
 public:
  static constexpr int kMin = 100;
  static constexpr int kMax = 599;
  // A range without an end, such as 500-, also has the invalid codes up to this one. RFC 9110
  // (15) has a client treat them as 5xx.
  static constexpr int kOpenEnd = 999;

  struct Range {
    int first;
    int last;
  };

  StatusCodes() = default;
  StatusCodes(std::initializer_list<Range> ranges);

  // Requires kMin <= first <= last <= kOpenEnd.
  void Add(Range range);
  bool empty() const { return codes_.none(); }
  bool Contains(int status) const;
  // The lowest code that is in both sets.
  std::optional<int> FirstCommon(const StatusCodes& other) const;

  bool operator==(const StatusCodes&) const = default;

 private:
  std::bitset<kOpenEnd + 1 - kMin> codes_;
};

// What the status of an answer without a retry indicator means. The first four are disjoint.
struct StatusRules {
  StatusCodes success;  // empty: as the IndicatorRule says
  // By default what concerns the way to the endpoint and not the record: a gateway that fails,
  // missing authorization, a wrong method.
  StatusCodes request_error{{401, 401}, {403, 403}, {405, 406}, {502, 504}};
  StatusCodes drop;
  StatusCodes stop;
  // Others than these are response errors that are not retried.
  StatusCodes retry{{StatusCodes::kMin, StatusCodes::kOpenEnd}};

  bool operator==(const StatusRules&) const = default;
};

}  // namespace khs::delivery
