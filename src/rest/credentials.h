#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/process_config.h"
#include "rest/authorizer.h"
#include "rest/polled_file.h"

namespace khs::rest {

enum class CredentialKind { kBasic, kBearer };

// Returns the digests of a file's credentials. Ignores blank lines and lines that start with `#`.
// The error names the line and quotes nothing of it. A file without credentials is an error.
base::Expected<std::vector<Digest>, std::string> ParseCredentials(CredentialKind kind,
                                                                  std::string_view content);

// The accepted credentials of a listener. Reloads their files at most once a second, when it is
// called, and keeps a file's previous credentials while the file is unusable. Owned by the
// authorizer; used by one thread at a time.
class Credentials {
 public:
  // Throws std::runtime_error that names the configuration key and the file.
  Credentials(const config::CredentialFiles& files, base::MonotonicTime now);

  bool Accepts(std::string_view authorization, base::MonotonicTime now);
  // Returns the value of WWW-Authenticate.
  std::string Challenge() const;

 private:
  struct List {
    CredentialKind kind;
    PolledFile file;
    std::vector<Digest> digests = {};
    std::string content_problem = {};  // why the last content is unusable; empty: it is usable
    std::string logged_problem = {};
  };

  // Returns why the file is unusable; empty: it is usable.
  static std::string Reload(List& list);
  static void ReloadAndLog(List& list);

  std::vector<List> lists_;
  base::MonotonicTime next_reload_;
};

// Returns an authorizer that responds 401 to requests without valid credentials. It exempts
// `/-/drain` and `/-/reload` from this machine, because a pod's preStop hook has no credentials.
// Throws like Credentials.
Authorizer MakeAuthorizer(const config::CredentialFiles& files, base::MonotonicTime now);

}  // namespace khs::rest
