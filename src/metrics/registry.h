#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace khs::metrics {

struct BuildInfo {
  std::string version;
  std::string revision;
  std::string librdkafka;
};

// How a look at the definitions ended.
enum class ReloadOutcome {
  kChanged,    // and all of them are valid
  kUnchanged,  // likewise
  kPartial,    // some are invalid
  kFailed,     // they could not be read
};

// Every metric of the process. Outlives what it hands out. Any thread.
class Registry {
 public:
  explicit Registry(const BuildInfo& build);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // What a scrape gets: Prometheus' text format 0.0.4.
  std::string Render() const;

  void SetConfigFiles(size_t valid, size_t invalid);
  // Connectors that do not run because there are no file descriptors for them.
  void SetConnectorsRefused(size_t count);
  void Reloaded(ReloadOutcome outcome);
  void SetWatchMode(bool inotify);
  void WatchFailed();
  // The REST API answered a request. Methods that it knows nothing of count as `other`.
  void RestRequested(std::string_view method, int code);

 private:
  friend class ConnectorMetrics;
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace khs::metrics
