#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "rest/followed_file.h"
#include "rest/gate.h"

namespace khs::rest {

struct CredentialFiles {
  std::string basic;   // one `user:password` a line; empty: none
  std::string bearer;  // one token a line; empty: none

  bool empty() const { return basic.empty() && bearer.empty(); }
};

enum class CredentialKind { kBasic, kBearer };

// The digests of a file's credentials. Blank lines, and those that begin with `#`, do not count.
// The error names the line and quotes nothing; a file without any credential is one.
base::Expected<std::vector<Digest>, std::string> ParseCredentials(CredentialKind kind,
                                                                  std::string_view content);

// Who may call, by what the Authorization header says. The files are looked at again every second
// while somebody calls; while one can't be read, is empty or is malformed, its last good content
// counts. One thread.
class Credentials {
 public:
  // Throws std::runtime_error naming key and file.
  Credentials(const CredentialFiles& files, base::MonotonicTime now);

  bool Admits(std::string_view authorization, base::MonotonicTime now);
  // The value of WWW-Authenticate.
  std::string Challenge() const;

 private:
  struct List {
    CredentialKind kind;
    FollowedFile file;
    std::vector<Digest> digests = {};
    std::string content_problem = {};  // of the content that was read last
    std::string logged_problem = {};
  };

  // What is wrong; empty when nothing is.
  static std::string Look(List& list);
  static void LookAgain(List& list);

  std::vector<List> lists_;
  base::MonotonicTime next_look_;
};

// Answers 401 to whoever has no credentials. `/-/drain` and `/-/reload` stay open to this machine,
// because the hook that calls drain when a pod ends has none. Throws as Credentials.
Gate AskForCredentials(const CredentialFiles& files, base::MonotonicTime now);

}  // namespace khs::rest
