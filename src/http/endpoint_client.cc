#include "http/endpoint_client.h"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>

#include "delivery/retry_indicator.h"
#include "http/connection.h"
#include "http/connection_pool.h"
#include "http/dial.h"
#include "http/header_syntax.h"
#include "http/resolver.h"
#include "http/retry_after.h"
#include "http/target.h"
#include "http/tls_context.h"
#include "http/unique_fd.h"

namespace khs::http {
namespace {

using delivery::Aborted;
using delivery::FaultKind;
using delivery::Reply;
using delivery::RequestFault;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

const Reply kAbortedReply{std::in_place_type<Aborted>};

// Whoever blocks on the socket returns at once.
struct ShutDown {
  int descriptor;
  void operator()() const noexcept { (void)::shutdown(descriptor, SHUT_RDWR); }
};
using Cut = std::stop_callback<ShutDown>;

using Opened = base::Expected<std::unique_ptr<Connection>, Reply>;

void RequireLegalHeaders(const config::EndpointConfig& endpoint) {
  for (const auto& [name, value] : endpoint.headers) {
    if (!IsFieldName(name)) {
      throw std::runtime_error("callback.request.headers: \"" + name + "\" is not a header's name");
    }
    // Never the value: it may be a secret.
    if (!IsFieldValue(value)) {
      throw std::runtime_error("callback.request.headers: the value of " + name +
                               " holds a character that HTTP forbids");
    }
  }
}

// A timeout may be longer than the clock can count.
base::MonotonicTime After(milliseconds timeout) {
  const auto now = steady_clock::now();
  const auto most = std::chrono::floor<milliseconds>(base::MonotonicTime::max() - now);
  return now + std::min(timeout, most);
}

std::string Within(milliseconds timeout) {
  return " within " + std::to_string(timeout.count()) + " ms";
}

}  // namespace

class EndpointClient::Impl {
 public:
  Impl(config::EndpointConfig endpoint, Identity identity, delivery::NullValues null_values,
       Deadlines& deadlines, const base::Clock& clock)
      : endpoint_(std::move(endpoint)),
        identity_(std::move(identity)),
        null_values_(null_values),
        deadlines_(deadlines),
        clock_(clock),
        target_(ParseTarget(endpoint_.url)),
        resolver_(target_.host, target_.port),
        abort_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!abort_event_) throw std::system_error(errno, std::system_category(), "eventfd");
    RequireLegalHeaders(endpoint_);
    if (target_.tls) tls_.emplace(endpoint_.tls, target_);
  }

  RequestHead HeadOf(const delivery::Record& record) const {
    return BuildRequestHead(endpoint_, identity_, null_values_, record);
  }

  Reply Attempt(const RequestHead& head, std::string_view body, const std::stop_token& cancelled) {
    if (pool_.aborted() || cancelled.stop_requested()) return Aborted{};
    std::unique_ptr<Connection> connection = pool_.Take(clock_.Read().monotonic);
    if (!connection) {
      Opened opened = Open(cancelled);
      if (!opened) {
        if (pool_.aborted() || cancelled.stop_requested()) return Aborted{};
        return std::move(opened.error());
      }
      connection = std::move(*opened);
    }
    auto answer = Exchange(*connection, head, body, cancelled);
    if (!answer) return std::move(answer.error());
    if (answer->reusable) pool_.Put(std::move(connection), clock_.Read().monotonic);
    return Judge(*answer);
  }

  void Abort() {
    pool_.Abort();
    resolver_.Abort();
    (void)::eventfd_write(abort_event_.get(), 1);
  }

  RequestFault Unexpected(const char* problem) const {
    return {FaultKind::kIo, target_.label + ": " + problem};
  }

 private:
  Opened Open(const std::stop_token& cancelled) {
    const base::MonotonicTime deadline = After(endpoint_.connect_timeout);
    auto addresses = resolver_.Resolve(deadline);
    if (!addresses) return base::Unexpected<Reply>(std::move(addresses.error()));
    auto socket = Dial(*addresses, target_.label, deadline, abort_event_.get());
    if (!socket) return base::Unexpected<Reply>(std::move(socket.error()));
    auto connection = std::make_unique<Connection>(std::move(*socket), tls_ ? &*tls_ : nullptr);
    if (!tls_) return connection;

    const ConnectionPool::Use use(pool_, connection->descriptor());
    const Cut cut(cancelled, ShutDown{connection->descriptor()});
    Deadlines::Guard guard = deadlines_.Arm(connection->descriptor(), deadline);
    const auto shaken = connection->Handshake();
    if (guard.Disarm()) {
      return base::Unexpected<Reply>(
          RequestFault{FaultKind::kTimeout,
                       target_.label + ": no TLS handshake" + Within(endpoint_.connect_timeout)});
    }
    if (!shaken) {
      return base::Unexpected<Reply>(
          RequestFault{shaken.error().kind, target_.label + ": " + shaken.error().detail});
    }
    return connection;
  }

  base::Expected<Response, Reply> Exchange(Connection& connection, const RequestHead& head,
                                           std::string_view body,
                                           const std::stop_token& cancelled) {
    using Failure = base::Unexpected<Reply>;
    std::string text = RenderHead(head, target_.path, target_.host_header, body.size());
    const ConnectionPool::Use use(pool_, connection.descriptor());
    const Cut cut(cancelled, ShutDown{connection.descriptor()});
    Deadlines::Guard guard = deadlines_.Arm(connection.descriptor(), After(endpoint_.read_timeout));
    auto answer = connection.Exchange(std::move(text), body);
    if (guard.Disarm()) {
      return Failure(RequestFault{FaultKind::kTimeout, target_.label + ": no whole answer" +
                                                           Within(endpoint_.read_timeout)});
    }
    // A whole answer counts even now; one that ended with the connection may be our own doing.
    if ((!answer || !answer->delimited) && (pool_.aborted() || cancelled.stop_requested())) {
      return Failure(kAbortedReply);
    }
    if (!answer) {
      return Failure(
          RequestFault{answer.error().kind, target_.label + ": " + answer.error().detail});
    }
    return std::move(*answer);
  }

  Reply Judge(const Response& answer) const {
    delivery::HttpReply reply;
    reply.status = answer.status;
    reply.retry = delivery::ParseRetryIndicator(answer.body);
    if (answer.retry_after) {
      reply.retry_after = ParseRetryAfter(*answer.retry_after, clock_.Read().wall);
    }
    return reply;
  }

  const config::EndpointConfig endpoint_;
  const Identity identity_;
  const delivery::NullValues null_values_;
  Deadlines& deadlines_;
  const base::Clock& clock_;
  const Target target_;
  Resolver resolver_;
  const UniqueFd abort_event_;
  std::optional<TlsContext> tls_;
  ConnectionPool pool_;  // after tls_, which its connections use
};

EndpointClient::EndpointClient(config::EndpointConfig endpoint, Identity identity,
                               delivery::NullValues null_values, Deadlines& deadlines,
                               const base::Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(endpoint), std::move(identity), null_values, deadlines,
                                   clock)) {}

EndpointClient::~EndpointClient() = default;

task::SendResult EndpointClient::Send(const delivery::Record& record,
                                      const std::stop_token& cancelled) {
  task::SendResult result;
  try {
    const RequestHead head = impl_->HeadOf(record);
    result.headers_left_out = head.headers_left_out;
    result.reply =
        impl_->Attempt(head, record.value ? std::string_view(*record.value) : "", cancelled);
  } catch (const std::exception& problem) {
    result.reply = impl_->Unexpected(problem.what());
  }
  return result;
}

void EndpointClient::Abort() { impl_->Abort(); }

}  // namespace khs::http
