#include "support/few_threads.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

namespace khs::testing {

bool AllowThreads(size_t more) {
  // Threads are counted by user, and in a user namespace of its own those in it alone.
  constexpr uid_t kNobodyElse = 61'000;
  const bool alone = ::getuid() == 0
                         ? ::setuid(kNobodyElse + static_cast<uid_t>(::getpid()) % 1'000) == 0
                         : ::unshare(CLONE_NEWUSER) == 0;
  const rlimit limit{more + 1, more + 1};
  return alone && ::setrlimit(RLIMIT_NPROC, &limit) == 0;
}

}  // namespace khs::testing
