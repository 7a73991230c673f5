#include "support/few_threads.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

namespace khs::testing {

bool AllowThreads(size_t more) {
  // The limit counts the user's threads, in a new user namespace only those in it.
  constexpr uid_t kNobodyElse = 61'000;
  const bool alone = ::getuid() == 0
                         ? ::setuid(kNobodyElse + static_cast<uid_t>(::getpid()) % 1'000) == 0
                         : ::unshare(CLONE_NEWUSER) == 0;
  const rlimit limit{more + 1, more + 1};
  return alone && ::setrlimit(RLIMIT_NPROC, &limit) == 0;
}

bool ExitedWell(int status) {
  const bool was_let = !WIFEXITED(status) || WEXITSTATUS(status) != kNotLet;
  if (!was_let) std::fputs("*** NO LIMIT OF THREADS can be set here: not tested ***\n", stderr);
  return !was_let || status == 0;
}

}  // namespace khs::testing
