#pragma once

#include <Poco/Net/HTTPResponse.h>

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

namespace khs::http {

// Response head, parsed by Poco, with strict checks of everything that decides where the response
// ends. Poco is lenient there, so the rest of a response could be taken for the next one. Other
// headers are not checked. Used by one thread, for one response.
class Response final : public Poco::Net::HTTPResponse {
 public:
  enum class Body { kNone, kSized, kChunked, kUntilClose };

  Response();

  // Throws Poco::Net::MessageException, whose text quotes nothing of the head.
  void read(std::istream& in) override;

  Body body() const { return body_; }
  uint64_t size() const { return length_.value_or(0); }  // of a kSized body
  // Whether the head allows another request on the connection.
  bool keeps_alive() const { return keeps_alive_; }
  // Value of "Keep-Alive: timeout", after which the endpoint closes an idle connection.
  std::optional<std::chrono::seconds> idle_timeout() const { return idle_timeout_; }
  const std::optional<std::string>& retry_after() const { return retry_after_; }

 private:
  void ReadHeader(const std::string& name, const std::string& value);
  void ReadContentLengths(std::string_view list);
  void ReadIdleTimeouts(std::string_view list);
  void DecideBody();

  Body body_ = Body::kNone;
  bool keeps_alive_ = false;
  std::optional<std::chrono::seconds> idle_timeout_;
  std::optional<std::string> retry_after_;
  // Content of the framing headers, which may be repeated.
  std::optional<uint64_t> length_;
  bool lengths_agree_ = true;
  int codings_ = 0;       // number of Transfer-Encoding headers
  bool chunked_ = false;  // the last of them
  bool says_close_ = false;
  bool says_keep_alive_ = false;
};

enum class ChunksEnd { kWhole, kWithTrailers, kMalformed };

// Finds out how a chunked response ends, given its bytes. Poco also takes a malformed chunk size
// for the last chunk.
ChunksEnd ParseChunksEnd(std::string_view response);

}  // namespace khs::http
