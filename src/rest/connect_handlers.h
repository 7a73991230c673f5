#pragma once

#include <string>
#include <vector>

#include "rest/connect_api.h"
#include "rest/message.h"

namespace khs::rest {

// A request for a handler.
struct Call {
  const ConnectApi& api;
  const Request& request;
  std::vector<std::string> segments;  // the decoded values of the path's `{...}`

  // The name of the connector, plugin or logger.
  const std::string& name() const { return segments.front(); }
};

using CallHandler = Response (*)(const Call&);

// connect_process.cc
Response GetRoot(const Call& call);
Response GetHealth(const Call& call);
Response GetOpenApi(const Call& call);
Response PostReload(const Call& call);
Response PostDrain(const Call& call);

// connect_connectors.cc
Response ListConnectors(const Call& call);
Response CreateConnector(const Call& call);
Response GetConnector(const Call& call);
Response DeleteConnector(const Call& call);
Response GetConfig(const Call& call);
Response PutConfig(const Call& call);
Response PatchConfig(const Call& call);
Response GetTasks(const Call& call);

// connect_lifecycle.cc
Response GetStatus(const Call& call);
Response GetTaskStatus(const Call& call);
Response RestartConnector(const Call& call);
Response RestartTask(const Call& call);
Response PauseConnector(const Call& call);
Response ResumeConnector(const Call& call);
Response StopConnector(const Call& call);
Response GetTopics(const Call& call);
Response ResetTopics(const Call& call);

// connect_offsets.cc
Response GetOffsets(const Call& call);
Response PatchOffsets(const Call& call);
Response DeleteOffsets(const Call& call);

// connect_plugins.cc
Response ListPlugins(const Call& call);
Response GetPluginConfig(const Call& call);
Response ValidatePluginConfig(const Call& call);

// connect_loggers.cc
Response ListLoggers(const Call& call);
Response GetLogger(const Call& call);
Response PutLogger(const Call& call);

}  // namespace khs::rest
