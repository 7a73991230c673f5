#include "http/connection.h"

#include <array>
#include <utility>

namespace khs::http {

using delivery::RequestFault;

void Connection::Start(std::string_view head, std::string_view body) {
  head_ = head;
  body_ = body;
  send_fault_.reset();
  reader_.Start();
}

Connection::Result<Wants> Connection::Continue() {
  Wants wants = Wants::kRead;
  if (!head_.empty() || !body_.empty()) {
    wants = Send();
    // Nobody answers within the time that this took.
    if (wants == Wants::kNothing && !send_fault_) return Wants::kRead;
  }
  // Also before all is sent: an endpoint may answer, and even close, without reading all of the
  // request, as for one that is too large.
  const bool unsent = !head_.empty() || !body_.empty();
  Wants to_read = Wants::kRead;
  const auto whole = Receive(to_read);
  if (!whole) {
    return base::Unexpected<RequestFault>(send_fault_ ? *send_fault_ : whole.error());
  }
  if (*whole) {
    if (unsent) reader_.response().reusable = false;
    return Wants::kNothing;
  }
  if (send_fault_) return base::Unexpected<RequestFault>(*send_fault_);
  return unsent ? wants : to_read;
}

Wants Connection::Send() {
  for (std::string_view* part : {&head_, &body_}) {
    while (!part->empty()) {
      const auto moved = transport_.Write(*part);
      if (!moved) {
        send_fault_ = moved.error();
        return Wants::kNothing;
      }
      if (moved->wants != Wants::kNothing) return moved->wants;
      part->remove_prefix(moved->bytes);
    }
  }
  return Wants::kNothing;
}

// Whether the answer is whole; if not, what must become possible.
Connection::Result<bool> Connection::Receive(Wants& wants) {
  std::array<char, 16 * 1024> buffer;
  for (;;) {
    const auto moved = transport_.Read(buffer.data(), buffer.size());
    if (!moved) return base::Unexpected<RequestFault>(moved.error());
    if (moved->wants != Wants::kNothing) {
      wants = moved->wants;
      return false;
    }
    if (moved->ended) {
      auto whole = reader_.End();
      if (whole) reader_.response().reusable = false;
      return whole;
    }
    auto whole = reader_.Add({buffer.data(), moved->bytes});
    if (!whole || *whole) return whole;
  }
}

}  // namespace khs::http
