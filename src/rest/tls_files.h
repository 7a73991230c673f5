#pragma once

#include <string>

namespace khs::rest {

struct TlsFiles {
  std::string certificate;  // PEM, with its chain; empty: no TLS
  std::string key;          // PEM; empty: it stands in the certificate's file
  std::string client_ca;    // PEM; callers need a certificate of these authorities; empty: none
};

}  // namespace khs::rest
