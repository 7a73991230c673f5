#pragma once

#include <tl/expected.hpp>

namespace khs::base {

// A value, or the reason why there is none. Input errors travel this way; an exception means that
// an object cannot work at all.
template <class T, class E>
using Expected = tl::expected<T, E>;

template <class E>
using Unexpected = tl::unexpected<E>;

}  // namespace khs::base
