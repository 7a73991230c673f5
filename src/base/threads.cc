#include "base/threads.h"

#include <mutex>
#include <thread>
#include <vector>

namespace khs::base {

std::error_code TryThreads(size_t count) {
  std::mutex all_started;
  std::vector<std::jthread> threads;
  // Destroyed before `threads`, whose destructor joins the threads that wait for this lock.
  // cppcheck-suppress localMutex
  const std::lock_guard lock(all_started);
  try {
    threads.reserve(count);
    for (size_t i = 0; i < count; ++i) {
      threads.emplace_back([&all_started] { const std::lock_guard wait(all_started); });
    }
  } catch (const std::system_error& error) {
    return error.code();
  }
  return {};
}

std::string Describe(const std::exception& error) {
  const auto* const system = dynamic_cast<const std::system_error*>(&error);
  if (system == nullptr || system->code() != std::errc::resource_unavailable_try_again) {
    return error.what();
  }
  return std::string("cannot start a thread: ") + system->code().message() +
         " (the limit of processes, or of pids in the control group)";
}

}  // namespace khs::base
