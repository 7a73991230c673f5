#pragma once

#include "base/unique_fd.h"

namespace khs::http {

using base::UniqueFd;

}  // namespace khs::http
