#pragma once

#include <Poco/Net/HTTPResponse.h>

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

namespace khs::http {

// A response head, parsed by Poco, with strict checks of everything that decides where the response
// ends. Poco is lenient there, so the rest of a response could be taken for the next one. Other
// headers are not checked. Used by one thread, for one response after another, because new lists of
// headers would cost more.
class Response final : public Poco::Net::HTTPResponse {
 public:
  enum class Body { kNone, kSized, kChunked, kUntilClose };

  Response();

  // Reads the next head. Throws Poco::Net::MessageException, whose text quotes nothing of the head.
  void read(std::istream& in) override;

  Body body() const { return content_.body; }
  uint64_t size() const { return content_.length.value_or(0); }  // of a kSized body
  // Whether the head allows another request on the connection.
  bool keeps_alive() const { return content_.keeps_alive; }
  // Value of "Keep-Alive: timeout", after which the endpoint closes an idle connection.
  std::optional<std::chrono::seconds> idle_timeout() const { return content_.idle_timeout; }
  const std::optional<std::string>& retry_after() const { return content_.retry_after; }

 private:
  void ReadHeader(const std::string& name, const std::string& value);
  void ReadContentLengths(std::string_view list);
  void ReadIdleTimeouts(std::string_view list);
  void DecideBody();

  // What the headers say. One struct, because each head starts from its defaults.
  struct Content {
    Body body = Body::kNone;
    bool keeps_alive = false;
    std::optional<std::chrono::seconds> idle_timeout;
    std::optional<std::string> retry_after;
    // Of the framing headers, which may be repeated.
    std::optional<uint64_t> length;
    bool lengths_agree = true;
    int codings = 0;       // number of Transfer-Encoding headers
    bool chunked = false;  // the last of them
    bool says_close = false;
    bool says_keep_alive = false;
  };
  Content content_;
};

// How a chunked response ends.
enum class ChunksEnd { kWhole, kWithTrailers, kMalformed };

// Finds out how a chunked response ends, given its bytes. Poco also takes a malformed chunk size
// for the last chunk.
ChunksEnd ParseChunksEnd(std::string_view response);

}  // namespace khs::http
