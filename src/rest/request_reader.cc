#include "rest/request_reader.h"

#include <algorithm>
#include <utility>

namespace khs::rest {

RequestReader::State RequestReader::Advance() {
  switch (state_) {
    case State::kIdle:
    case State::kHead:
      ReadHead();
      break;
    case State::kHeadRead:
      if (head_.chunked) chunks_.emplace(limits_->body_bytes);
      state_ = State::kBody;
      ReadBody();
      break;
    case State::kBody:
      ReadBody();
      break;
    case State::kComplete:
    case State::kRejected:
      break;
  }
  return state_;
}

Request RequestReader::TakeRequest() {
  Request request = std::move(head_.request);
  head_ = {};
  chunks_.reset();
  scanner_ = HeadScanner(*limits_);
  state_ = State::kIdle;
  // An idle connection keeps no memory of its last request.
  if (bytes_.empty()) std::string().swap(bytes_);
  return request;
}

void RequestReader::ReadHead() {
  // Some old clients send an empty line after a body.
  if (state_ == State::kIdle) {
    size_t empty = 0;
    while (bytes_.compare(empty, 2, "\r\n") == 0) empty += 2;
    bytes_.erase(0, empty);
    if (bytes_.empty() || bytes_ == "\r") return;
    state_ = State::kHead;
  }
  const auto end = scanner_.Scan(bytes_);
  if (!end) return Reject(end.error());
  if (!*end) return;
  auto head = ParseRequestHead(std::string_view(bytes_).substr(0, **end), *limits_);
  if (!head) return Reject(head.error());
  head_ = std::move(*head);
  bytes_.erase(0, **end);
  state_ = State::kHeadRead;
}

void RequestReader::ReadBody() {
  std::string_view rest = bytes_;
  std::string& body = head_.request.body;
  bool complete = false;
  if (chunks_) {
    const auto ended = chunks_->Take(rest, body);
    if (!ended) return Reject(ended.error());
    complete = *ended;
  } else {
    const size_t count = std::min(head_.content_length - body.size(), rest.size());
    body.append(rest.substr(0, count));
    rest.remove_prefix(count);
    complete = body.size() == head_.content_length;
  }
  bytes_.erase(0, bytes_.size() - rest.size());
  if (complete) state_ = State::kComplete;
}

void RequestReader::Reject(const Rejection& rejection) {
  rejection_ = rejection;
  state_ = State::kRejected;
  std::string().swap(bytes_);
  std::string().swap(head_.request.body);
}

}  // namespace khs::rest
