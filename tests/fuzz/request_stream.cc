// The bytes of a caller's connection. They make the same requests in one piece, byte by byte and in
// pieces of any size; a request that was taken, written anew, is the same request; what is refused
// has a status that says so.
#include <algorithm>
#include <string>
#include <vector>

#include "fuzz/fuzz.h"
#include "request/header_syntax.h"
#include "rest/request_reader.h"

namespace khs::fuzz {
namespace {

using rest::Limits;
using rest::Request;
using rest::RequestReader;
using State = RequestReader::State;

struct Taken {
  Request request;
  bool http_1_1 = true;
  bool keep_alive = true;
  bool expects_continue = false;

  bool operator==(const Taken& other) const {
    return request.method == other.request.method && request.path == other.request.path &&
           request.query == other.request.query && request.headers == other.request.headers &&
           request.body == other.request.body && http_1_1 == other.http_1_1 &&
           keep_alive == other.keep_alive && expects_continue == other.expects_continue;
  }
};

// What a connection's bytes come to.
struct Reading {
  std::vector<Taken> requests;
  State state = State::kIdle;
  int status = 0;  // of a rejection
  std::string reason;

  bool operator==(const Reading&) const = default;
};

// As the server does: until nothing changes any more.
void Advance(RequestReader& reader, Reading& reading) {
  for (;;) {
    const State before = reader.state();
    const bool had_more = reader.has_more();
    reading.state = reader.Advance();
    if (reading.state == State::kComplete) {
      Taken taken{
          {}, reader.head().http_1_1, reader.head().keep_alive, reader.head().expects_continue};
      taken.request = reader.TakeRequest();
      reading.requests.push_back(std::move(taken));
      reading.state = reader.state();
      if (!reader.has_more()) return;
      continue;
    }
    if (reading.state == State::kRejected) {
      reading.status = reader.rejection().status;
      reading.reason = reader.rejection().reason;
      return;
    }
    if (reading.state == before && reader.has_more() == had_more) return;
  }
}

Reading Read(std::string_view bytes, const Limits& limits, std::size_t piece) {
  RequestReader reader(limits);
  Reading reading;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    reader.Append(bytes.substr(at, piece));
    Advance(reader, reading);
    if (reading.state == State::kRejected) break;
  }
  return reading;
}

void CheckRequest(const Taken& taken, const Limits& limits) {
  const Request& request = taken.request;
  FUZZ_CHECK(request::IsFieldName(request.method));
  FUZZ_CHECK(request.path.starts_with('/') || request.path == "*");
  FUZZ_CHECK(request::IsFieldValue(request.path) && request::IsFieldValue(request.query));
  FUZZ_CHECK(request.body.size() <= limits.body_bytes);
  FUZZ_CHECK(request.headers.size() <= limits.head_fields + 1);  // and the host of a whole URL
  for (const auto& [name, value] : request.headers) {
    FUZZ_CHECK(request::IsFieldName(name) && request::IsFieldValue(value));
    FUZZ_CHECK(std::none_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; }));
  }
}

// A proxy in front that understood the same would send this.
std::string Write(const Taken& taken) {
  const Request& request = taken.request;
  std::string text = request.method + ' ' + request.path;
  if (!request.query.empty()) text += '?' + request.query;
  text += taken.http_1_1 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n";
  for (const auto& [name, value] : request.headers) {
    if (name == "content-length" || name == "transfer-encoding") continue;
    text += name + ": " + value + "\r\n";
  }
  return text + "content-length: " + std::to_string(request.body.size()) + "\r\n\r\n" +
         request.body;
}

void CheckWrittenAnew(Taken taken) {
  const std::string text = Write(taken);
  Limits roomy;  // it may be longer than it was, by a Content-Length for one
  roomy.head_fields += 1;
  roomy.head_bytes *= 2;
  roomy.request_line_bytes *= 2;
  const Reading again = Read(text, roomy, text.size());
  FUZZ_CHECK(again.requests.size() == 1 && again.state == State::kIdle);
  // The blank after the last comma of a list that ends empty is not part of a value.
  for (auto& [name, value] : taken.request.headers) {
    value.erase(value.find_last_not_of(" \t") + 1);
  }
  taken.request.headers.erase("transfer-encoding");
  taken.request.headers["content-length"] = std::to_string(taken.request.body.size());
  FUZZ_CHECK(again.requests.front() == taken);
}

void Check(std::string_view bytes, const Limits& limits, std::size_t piece) {
  const Reading whole = Read(bytes, limits, std::max<std::size_t>(bytes.size(), 1));
  FUZZ_CHECK(Read(bytes, limits, 1) == whole);
  FUZZ_CHECK(Read(bytes, limits, piece) == whole);
  for (const Taken& taken : whole.requests) {
    CheckRequest(taken, limits);
    CheckWrittenAnew(taken);
  }
  if (whole.state != State::kRejected) return;
  FUZZ_CHECK(whole.status >= 400 && whole.status < 600);
  FUZZ_CHECK(!whole.reason.empty());
}

}  // namespace
}  // namespace khs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = khs::fuzz::TextOf(data, size);
  const std::size_t piece = 2 + size % 31;
  khs::fuzz::Check(bytes, khs::rest::Limits{}, piece);
  // So small that inputs reach them.
  khs::rest::Limits tight;
  tight.request_line_bytes = 40;
  tight.head_bytes = 120;
  tight.head_fields = 4;
  tight.body_bytes = 20;
  khs::fuzz::Check(bytes, tight, piece);
  return 0;
}
