#include "delivery/response.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "delivery/retry_after.h"
#include "delivery/retry_indicator.h"

namespace khs::delivery {

namespace {

constexpr std::string_view kMore = "...";

// Replaces each run of blanks and line ends by one blank.
std::string JoinLines(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  std::string line;
  for (const char c : text) {
    const bool is_blank = kBlanks.find(c) != std::string_view::npos;
    if (is_blank && (line.empty() || line.back() == ' ')) continue;
    line += is_blank ? ' ' : c;
  }
  if (line.ends_with(' ')) line.pop_back();
  return line;
}

}  // namespace

std::string MakeExcerpt(std::string_view body, const ExcerptRule& rule) {
  size_t size = std::min(rule.bytes, body.size());
  const bool is_cut = size < body.size();
  // Don't cut a character of UTF-8, which has at most three continuation bytes.
  for (int i = 0; i < 3 && is_cut && size > 0 && base::IsContinuation(body[size]); ++i) --size;
  std::string line = base::Printable(JoinLines(rule.secrets.Hide(body, size)));
  return is_cut && size > 0 ? line.append(kMore) : line;
}

Reply ParseOutcome(Outcome outcome, base::WallTime now, const ExcerptRule& rule) {
  if (auto* fault = std::get_if<RequestFault>(&outcome)) return std::move(*fault);
  const auto* response = std::get_if<Response>(&outcome);
  if (response == nullptr) return Aborted{};
  HttpReply reply{response->status, ParseRetryIndicator(response->body), {}, {}};
  if (response->retry_after) reply.retry_after = ParseRetryAfter(*response->retry_after, now);
  if (reply.retry != false) reply.excerpt = MakeExcerpt(response->body, rule);
  return reply;
}

}  // namespace khs::delivery
