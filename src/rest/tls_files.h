#pragma once

#include <string>

namespace khs::rest {

// The PEM files of a listener.
struct TlsFiles {
  std::string certificate;  // with its chain; empty: no TLS
  std::string key;          // empty: the certificate's file holds it
  std::string client_ca;    // callers need a certificate of these authorities; empty: no need
};

}  // namespace khs::rest
