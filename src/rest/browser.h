#pragma once

#include "rest/message.h"

// A web page can make a browser send requests to this machine, but it cannot hide its own site.
namespace khs::rest {

// Returns whether a page of another site may have sent the request. Sec-Fetch-Site decides, which
// browsers send to localhost. Without it, any Origin counts as another site. A GET after DNS
// rebinding has neither header, so its Host must be localhost or an address. Origin and Host are
// ignored for callers on other machines, because a proxy may forward those of its own user
// interface.
bool MayBeCrossSite(const Request& request);

}  // namespace khs::rest
