#pragma once

#include <Poco/Net/HTTPResponse.h>

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

namespace khs::http {

// A response's head as Poco reads it, held to what decides where the response ends: Poco takes much
// that would make the rest of it, or the next one, something else. Headers that are not read don't
// matter, however odd they are. One thread.
class Response final : public Poco::Net::HTTPResponse {
 public:
  enum class Body { kNone, kSized, kChunked, kUntilClose };

  Response();

  // Throws Poco::Net::MessageException, whose text holds nothing of the headers.
  void read(std::istream& in) override;

  Body body() const { return body_; }
  uint64_t size() const { return size_; }  // of a sized body
  // The connection can carry another request, as far as the head says.
  bool keeps_alive() const { return keeps_alive_; }
  // For how long the endpoint waits for that, if it said so.
  std::optional<std::chrono::seconds> idle_timeout() const { return idle_timeout_; }
  const std::optional<std::string>& retry_after() const { return retry_after_; }

 private:
  void TakeHeader(const std::string& name, const std::string& value);
  void TakeLengths(std::string_view list);
  void TakeIdleTimeouts(std::string_view list);
  void DecideBody();

  Body body_ = Body::kNone;
  uint64_t size_ = 0;
  bool keeps_alive_ = false;
  std::optional<std::chrono::seconds> idle_timeout_;
  std::optional<std::string> retry_after_;
  // Of the head: what its framing headers say together.
  std::optional<uint64_t> length_;
  bool lengths_agree_ = true;
  int codings_ = 0;
  bool chunked_ = false;
  bool closes_ = false;
  bool stays_ = false;
};

enum class ChunksEnd { kWhole, kWithTrailers, kMalformed };

// Whether what was read of a chunked response ends with its last chunk. Poco takes a size that it
// does not understand for the end, too.
ChunksEnd HowChunksEnd(std::string_view read);

}  // namespace khs::http
