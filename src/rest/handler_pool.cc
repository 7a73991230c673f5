#include "rest/handler_pool.h"

#include <exception>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "rest/response_text.h"

namespace khs::rest {
namespace {

const base::Logger& Log() {
  static const base::Logger logger("rest");
  return logger;
}

}  // namespace

HandlerPool::HandlerPool(size_t threads, Handler handler, Deliver deliver)
    : max_threads_(threads), handler_(std::move(handler)), deliver_(std::move(deliver)) {
  threads_.emplace_back([this] { Work(); });
}

HandlerPool::~HandlerPool() { Stop(); }

void HandlerPool::Post(CallerId caller, Request request) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  jobs_.push_back({caller, std::move(request)});
  if (jobs_.size() > idle_ && threads_.size() < max_threads_) {
    try {
      threads_.emplace_back([this] { Work(); });
    } catch (const std::system_error& error) {
      // There is at least one, which comes to it later.
      Log().Warn("no further thread for REST", {{"error", error.what()}});
    }
  }
  changed_.notify_one();
}

void HandlerPool::Stop() {
  std::vector<std::jthread> threads;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    jobs_.clear();
    threads.swap(threads_);
    changed_.notify_all();
  }
}  // joins

void HandlerPool::Work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    --idle_;
    if (jobs_.empty()) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    deliver_(job.caller, Handle(job.request));
    lock.lock();
  }
}

Response HandlerPool::Handle(const Request& request) const {
  try {
    return handler_(request);
  } catch (const std::exception& error) {
    Log().Error("request failed", {{"path", request.path}, {"error", error.what()}});
    return ErrorResponse(500);
  }
}

}  // namespace khs::rest
