#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <vector>

#include "base/unique_fd.h"

namespace khs::testing {

// Limits this process to 400 descriptors, of which 100 are the reserve (base/descriptors.h), and
// opens all below a number.
class FewDescriptors {
 public:
  static constexpr size_t kLimit = 400;
  static constexpr size_t kReserve = 300;  // first descriptor of the reserve
  static constexpr size_t kOnlyNeeded =
      250;  // first descriptor that a client's second connection may not use

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
