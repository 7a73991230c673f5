#pragma once

#include <librdkafka/rdkafka.h>

#include <array>
#include <optional>
#include <string>

// Workaround: a fatal error of an idempotent producer is reported as an event with the code of its
// cause (CLUSTER_AUTHORIZATION_FAILED), and not with the code _FATAL. Every record that is produced
// afterwards fails with yet another code. So librdkafka has to be asked after each error.
//
// No issue known, no fixed version known.

namespace khs::kafka {

struct FatalError {
  std::string code;
  std::string text;  // not redacted
};

// Nothing while the client works.
inline std::optional<FatalError> FindFatalError(rd_kafka_t* client) {
  std::array<char, 512> text{};
  const auto code = rd_kafka_fatal_error(client, text.data(), text.size());
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return std::nullopt;
  return FatalError{rd_kafka_err2name(code), text.data()};
}

}  // namespace khs::kafka
