#pragma once

#include <Poco/Net/Context.h>

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/process_config.h"
#include "rest/polled_file.h"

namespace khs::rest {

// TLS settings of a listener. Reloads its files when they change, at most once a second and only
// when a connection is accepted. While the files are unusable it keeps the previous settings. Used
// by the listener's accept thread, and owned by the listener.
class ServerTls {
 public:
  // Throws std::runtime_error that names the configuration key and the file.
  ServerTls(const config::TlsFiles& files, base::MonotonicTime now);

  // Returns the context for a new connection, which shares its ownership.
  Poco::Net::Context::Ptr Context(base::MonotonicTime now);

 private:
  using ContextPtr = Poco::Net::Context::Ptr;
  struct File {
    const char* key;
    PolledFile file;
  };

  // Each returns whether something changed.
  base::Expected<bool, std::string> CheckFiles();
  base::Expected<bool, std::string> Reload();
  static base::Expected<ContextPtr, std::string> MakeContext(const config::TlsFiles& files);

  const config::TlsFiles files_;
  std::vector<File> watched_;
  ContextPtr context_;
  bool is_stale_ = true;  // the files differ from those that `context_` was made of
  std::string logged_problem_;
  base::MonotonicTime next_check_;
};

}  // namespace khs::rest
