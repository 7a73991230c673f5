#pragma once

#include "rest/gate.h"
#include "rest/message.h"

// A web page may send requests to whatever its reader's browser can reach: to this machine. What it
// may not do is hide whose page it is.
namespace khs::rest {

// Whether a page of another site sent it: by Sec-Fetch-Site, which browsers send to localhost, or
// by an Origin without that. Of callers elsewhere Origin says nothing: a proxy passes on the one
// of the user interface that it serves.
bool IsFromAnotherSite(const Request& request);

// Whether the caller calls this machine localhost, or by an address, or not at all (HTTP/1.0). A
// page whose own name was made to lead here (DNS rebinding) calls it by that name.
bool NamesThisMachine(const Request& request);

// Answers 403 to whoever calls by any other name; for a listener on loopback without credentials.
Gate AskForThisMachinesName();

}  // namespace khs::rest
