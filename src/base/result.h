#pragma once

#include <tl/expected.hpp>

namespace khs::base {

// A value, or the error that prevented it. Errors of input are returned this way; an exception
// means that an object cannot work at all.
template <class T, class E>
using Expected = tl::expected<T, E>;

template <class E>
using Unexpected = tl::unexpected<E>;

}  // namespace khs::base
