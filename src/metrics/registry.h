#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace khs::metrics {

// What the metric build_info shows.
struct BuildInfo {
  std::string version;
  std::string revision;
  std::string librdkafka;
};

// The result of a scan of the definitions.
enum class ReloadOutcome {
  kChanged,    // all are valid
  kUnchanged,  // all are valid
  kPartial,    // some are invalid
  kFailed,     // they could not be read
};

// All metrics of the process. Owned by `app`; must outlive every ConnectorMetrics. Any thread.
class Registry {
 public:
  explicit Registry(const BuildInfo& build);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // The response to a scrape, in Prometheus' text format 0.0.4.
  std::string Render() const;

  void SetConfigFiles(size_t valid, size_t invalid);
  // The number of connectors for which there are too few file descriptors.
  void SetConnectorsRefused(size_t count);
  void Reloaded(ReloadOutcome outcome);
  void SetWatchMode(bool inotify);
  void WatchFailed();
  // The REST API answered a request. Unknown methods count as `other`.
  void RestRequested(std::string_view method, int code);
  // A request for an access token ended.
  void TokenRequested(bool ok);
  // When the first of the access tokens expires; nothing if that is unknown.
  void SetTokenExpiry(std::optional<base::WallTime> expiry);

 private:
  friend class ConnectorMetrics;
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace khs::metrics
