#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <vector>

#include "base/unique_fd.h"

namespace khs::testing {

// Limits this process to 400 descriptors, of which a hundred are the reserve (base/descriptors.h),
// and takes all up to a number.
class FewDescriptors {
 public:
  static constexpr size_t kLimit = 400;
  static constexpr size_t kReserve = 300;     // begins here
  static constexpr size_t kOnlyNeeded = 250;  // from here on no second connection of a client

  explicit FewDescriptors(size_t next) {
    (void)::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit few{kLimit, before_.rlim_max};
    (void)::setrlimit(RLIMIT_NOFILE, &few);
    for (base::UniqueFd one(::dup(0)); one && static_cast<size_t>(one.get()) < next;
         one = base::UniqueFd(::dup(0))) {
      taken_.push_back(std::move(one));
    }
  }
  ~FewDescriptors() { (void)::setrlimit(RLIMIT_NOFILE, &before_); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  rlimit before_{};
  std::vector<base::UniqueFd> taken_;
};

}  // namespace khs::testing
