#pragma once

#include "rest/message.h"

// A web page may send requests to whatever its reader's browser can reach: to this machine. What it
// may not do is hide whose page it is.
namespace khs::rest {

// Whether a page of another site may have sent it: by Sec-Fetch-Site, which browsers send to
// localhost; by an Origin without that; or, for a GET, with which they send neither to a name that
// was made to lead here (DNS rebinding), by a Host that is neither localhost nor an address. Of
// callers elsewhere Origin and Host say nothing: a proxy passes on those of the user interface that
// it serves.
bool MayBeFromAPage(const Request& request);

}  // namespace khs::rest
