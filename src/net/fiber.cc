#include "net/fiber.h"

#include <cxxabi.h>

#include <boost/context/protected_fixedsize_stack.hpp>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace khs::net {
namespace {

// Pages are allocated when they are first used, and a guard page follows the stack. A TLS handshake
// needs less than 16 KiB. The sanitizers make each frame several times larger.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr size_t kStackBytes = 512 * 1024;
#else
constexpr size_t kStackBytes = 64 * 1024;
#endif

// Tell the sanitizers about a switch of stacks. They do nothing in other builds.
void StartSwitch([[maybe_unused]] void** leaving_fake, [[maybe_unused]] const void* bottom,
                 [[maybe_unused]] size_t size, [[maybe_unused]] void* thread) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(leaving_fake, bottom, size);
#endif
#if defined(__SANITIZE_THREAD__)
  __tsan_switch_to_fiber(thread, 0);
#endif
}

void FinishSwitch([[maybe_unused]] void* fake, [[maybe_unused]] const void** left_bottom,
                  [[maybe_unused]] size_t* left_size) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake, left_bottom, left_size);
#endif
}

}  // namespace

Fiber::Fiber() {
  boost::context::protected_fixedsize_stack stacks(kStackBytes);
  const boost::context::stack_context stack = stacks.allocate();
  own_.bottom = static_cast<char*>(stack.sp) - stack.size;
  own_.size = stack.size;
#if defined(__SANITIZE_THREAD__)
  own_.thread = __tsan_create_fiber(0);
#endif
  job_context_ = boost::context::fiber(
      std::allocator_arg, boost::context::preallocated(stack.sp, stack.size, stack), stacks,
      [this](boost::context::fiber&& loop) { return Run(std::move(loop)); });
}

// The job has returned, so Resume lets Run return.
Fiber::~Fiber() {
  Resume();
#if defined(__SANITIZE_THREAD__)
  __tsan_destroy_fiber(own_.thread);
#endif
}

boost::context::fiber Fiber::Run(boost::context::fiber&& loop) {
  loop_context_ = std::move(loop);
  FinishSwitch(nullptr, &loop_.bottom, &loop_.size);
  while (job) {
    job();
    job = nullptr;
    Suspend();
  }
  StartSwitch(nullptr, loop_.bottom, loop_.size, loop_.thread);
  return std::move(loop_context_);
}

void Fiber::Resume() {
  SwapExceptions();
#if defined(__SANITIZE_THREAD__)
  loop_.thread = __tsan_get_current_fiber();
#endif
  StartSwitch(&loop_.fake, own_.bottom, own_.size, own_.thread);
  job_context_ = std::move(job_context_).resume();
  FinishSwitch(loop_.fake, nullptr, nullptr);
  SwapExceptions();
}

void Fiber::Suspend() {
  StartSwitch(&own_.fake, loop_.bottom, loop_.size, loop_.thread);
  loop_context_ = std::move(loop_context_).resume();
  FinishSwitch(own_.fake, &loop_.bottom, &loop_.size);
}

void Fiber::SwapExceptions() {
  auto* const running = reinterpret_cast<Exceptions*>(abi::__cxa_get_globals());
  std::swap(*running, exceptions_);
}

}  // namespace khs::net
