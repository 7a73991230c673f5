#pragma once

#include <Poco/Net/Context.h>

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "rest/followed_file.h"
#include "rest/tls_files.h"

namespace khs::rest {

// The server's side of TLS, 1.2 and up, by files that are looked at again every second while new
// connections come; while they can't be used, the last good ones count. One thread.
class ServerTls {
 public:
  // Throws std::runtime_error naming key and file.
  ServerTls(const TlsFiles& files, base::MonotonicTime now);

  // For a new connection, which keeps it as long as it needs it.
  Poco::Net::Context::Ptr Context(base::MonotonicTime now);

 private:
  using ContextPtr = Poco::Net::Context::Ptr;
  struct File {
    const char* key;
    FollowedFile file;
  };

  base::Expected<bool, std::string> HasChanged();
  static base::Expected<ContextPtr, std::string> Make(const TlsFiles& files);
  base::Expected<bool, std::string> Renew();

  const TlsFiles files_;
  std::vector<File> followed_;
  ContextPtr context_;
  bool is_stale_ = true;  // the files are others than those that `context_` was made of
  std::string logged_problem_;
  base::MonotonicTime next_look_;
};

}  // namespace khs::rest
