#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "connect/record_errors.h"
#include "connect/states.h"

namespace khs::connect {

// A definition as it was submitted: with its `name`, and with references to secrets unresolved.
using ConfigMap = std::map<std::string, std::string>;
// A change to a definition; a key without a value is removed.
using ConfigPatch = std::map<std::string, std::optional<std::string>>;

// A task as the REST API shows it.
struct TaskStatus {
  int id = 0;
  RunState state = RunState::kUnassigned;
  std::string trace;  // empty when there is none
};

// A connector as the REST API shows it.
struct ConnectorStatus {
  std::string name;
  RunState state = RunState::kUnassigned;
  std::string trace;                       // why it failed, or why its newest definition is invalid
  std::vector<TaskStatus> tasks;           // by id
  std::vector<std::string> warnings = {};  // one sentence each; the connector runs nevertheless
  RecordErrors errors = {};
  std::string origin;                // "file" or "rest"
  std::string file;                  // that defines it; empty for "rest"
  uint64_t generation = 0;           // of the newest definition
  uint64_t observed_generation = 0;  // of the definition that it runs by
};

// A connector's definition and tasks.
struct ConnectorInfo {
  std::string name;
  ConfigMap config;
  std::vector<int> tasks;  // ids
};

// The offset that a connector's group has committed, or should commit, for a partition.
struct PartitionOffset {
  std::string topic;
  int32_t partition = 0;
  std::optional<int64_t> offset;  // none: the commit is, or should be, deleted
};

// Why a call failed. It has changed nothing.
struct CallError {
  enum class Kind {
    kNotFound,     // the connector does not exist
    kNoSuchTask,   // the connector exists, the task does not
    kExists,       // the connector to create exists already
    kInvalid,      // the definition is invalid; `problems` says why
    kTooMany,      // the limit of connectors is reached; `message` says what to do
    kFileDefined,  // a file defines the connector, and only the file can change it
    kNotStopped,   // offsets can be changed for stopped connectors only
    kStillActive,  // offsets can't be changed while the group has members
    kCannotStore,  // the disk is full or read-only
    kUnavailable,  // the process drains, or no broker answers
    kFailed,       // the broker refused the call
  };
  Kind kind = Kind::kNotFound;
  std::string message = {};                // for people; may be empty where the kind says enough
  std::vector<std::string> problems = {};  // of kInvalid, one for each error
};

template <class T>
using Result = base::Expected<T, CallError>;

// What the REST API calls, as in Kafka Connect: it reads and changes connectors.
// Implemented by reconcile::ReconcilerWorker, and by a fake in the router's tests. Any thread may
// call it. Calls that change something run one after the other. They return once the change is
// validated and stored; what runs follows later.
class Worker {
 public:
  virtual ~Worker() = default;

  // These three also know connectors whose definition was never valid: such a connector is FAILED
  // and has no tasks, and its configuration is what could be read of it.
  virtual std::vector<std::string> Names() const = 0;
  virtual std::optional<ConnectorInfo> Info(const std::string& name) const = 0;
  virtual std::optional<ConnectorStatus> Status(const std::string& name) const = 0;

  virtual Result<ConnectorInfo> Create(const std::string& name, const ConfigMap& config,
                                       TargetState initial) = 0;
  struct Stored {
    bool created = false;
    ConnectorInfo info;
  };
  // Put and Patch keep the target state.
  virtual Result<Stored> Put(const std::string& name, const ConfigMap& config) = 0;
  virtual Result<ConnectorInfo> Patch(const std::string& name, const ConfigPatch& patch) = 0;
  virtual Result<void> Delete(const std::string& name) = 0;

  // kStopped waits some seconds for the connector to stop; the others don't wait.
  virtual Result<void> SetTargetState(const std::string& name, TargetState state) = 0;
  // Restarts the connector, its tasks too, or only what has FAILED among them. The status returned
  // shows RESTARTING where something restarts. A restart without flags comes with both set.
  virtual Result<ConnectorStatus> Restart(const std::string& name, bool include_tasks,
                                          bool only_failed) = 0;
  virtual Result<void> RestartTask(const std::string& name, int task) = 0;

  // Topics from which records came; none for an unknown connector.
  virtual std::vector<std::string> ActiveTopics(const std::string& name) const = 0;
  virtual void ResetActiveTopics(const std::string& name) = 0;

  // The offsets that the connector's group has committed at the broker.
  virtual Result<std::vector<PartitionOffset>> Offsets(const std::string& name) = 0;
  // Succeeds when the connector is stopped, so that its offsets can be changed. Waits some seconds
  // for a connector that is stopping.
  virtual Result<void> AwaitStopped(const std::string& name) = 0;
  // Both call AwaitStopped first, and then wait some seconds for the group to have no members.
  virtual Result<void> AlterOffsets(const std::string& name,
                                    const std::vector<PartitionOffset>& offsets) = 0;
  virtual Result<void> ResetOffsets(const std::string& name) = 0;

  // Reads the directory now, waits for the result, and returns the problems of the definitions, one
  // a line.
  virtual std::vector<std::string> Reload() = 0;
  // Stops every connector and waits for it. Returns false on a timeout.
  virtual bool Drain() = 0;

  // The cluster's id; empty while no broker has answered yet.
  virtual std::string ClusterId() const = 0;
  // Whether the definitions were read and their connectors were started.
  virtual bool Started() const = 0;
  // Whether any broker could be reached at the last try.
  virtual bool BrokerAnswers() const = 0;
};

}  // namespace khs::connect
