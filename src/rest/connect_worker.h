#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace khs::rest {

// Kafka Connect's words for how a connector or a task is.
enum class RunState { kUnassigned, kRunning, kPaused, kStopped, kFailed, kRestarting };
// And for how it should be, which is kept across restarts of the process.
enum class TargetState { kStarted, kPaused, kStopped };

// A definition as it was submitted: references to secrets are not resolved, and `name` is in it.
using ConfigMap = std::map<std::string, std::string>;
// A change of one: a key without a value is taken out.
using ConfigPatch = std::map<std::string, std::optional<std::string>>;

struct TaskStatus {
  int id = 0;
  RunState state = RunState::kUnassigned;
  std::string trace;  // empty when there is none
};

struct ConnectorStatus {
  std::string name;
  RunState state = RunState::kUnassigned;
  std::string trace;              // why it failed, or why its newest definition is rejected
  std::vector<TaskStatus> tasks;  // by id
  // What an operator should know though it runs, one sentence each.
  std::vector<std::string> warnings = {};
  std::string origin;                // "file" or "rest"
  std::string file;                  // that defines it; empty for "rest"
  uint64_t generation = 0;           // of its newest definition
  uint64_t observed_generation = 0;  // of the one that it runs by
};

struct ConnectorInfo {
  std::string name;
  ConfigMap config;
  std::vector<int> tasks;  // ids
};

struct PartitionOffset {
  std::string topic;
  int32_t partition = 0;
  std::optional<int64_t> offset;  // none: is to be, or was, deleted
};

// Why a call was not carried out. Nothing has changed then.
struct Refusal {
  enum class Kind {
    kNotFound,     // there is no such connector
    kNoSuchTask,   // there is, but not that task
    kExists,       // it is to be created, and is there
    kInvalid,      // the definition; `problems` says why
    kTooMany,      // no further one is possible; `message` says what can be done
    kFileDefined,  // a file defines it, and the file is the truth; `message` names it
    kNotStopped,   // offsets are changed of stopped connectors only
    kStillActive,  // the group has members, so its offsets can't be changed
    kCannotStore,  // the disk: full, read-only
    kUnavailable,  // the process drains, or the broker does not answer
    kFailed,       // the broker refuses
  };
  Kind kind = Kind::kNotFound;
  std::string message;                // for people; may be empty where the kind says it all
  std::vector<std::string> problems;  // of kInvalid, one an error
};

template <class T>
using Outcome = base::Expected<T, Refusal>;
struct Done {};

// What the REST API acts on, as Kafka Connect's worker: implemented by the reconciler, and by a
// fake in the router's tests. Any thread. Calls that change something take their place in one row,
// and what they answer has been validated and stored; what runs follows.
class ConnectWorker {
 public:
  virtual ~ConnectWorker() = default;

  // The three know the same connectors, also those whose definition was never valid: these are
  // FAILED and have no tasks, and their configuration is what could be read of it.
  virtual std::vector<std::string> Names() const = 0;
  virtual std::optional<ConnectorInfo> Info(const std::string& name) const = 0;
  virtual std::optional<ConnectorStatus> Status(const std::string& name) const = 0;

  virtual Outcome<ConnectorInfo> Create(const std::string& name, const ConfigMap& config,
                                        TargetState initial) = 0;
  struct Stored {
    bool created = false;
    ConnectorInfo info;
  };
  // The target state stays as it is.
  virtual Outcome<Stored> Put(const std::string& name, const ConfigMap& config) = 0;
  virtual Outcome<ConnectorInfo> Patch(const std::string& name, const ConfigPatch& patch) = 0;
  virtual Outcome<Done> Delete(const std::string& name) = 0;

  // A stop waits, for some seconds at most, until it is so; the others do not.
  virtual Outcome<Done> SetTarget(const std::string& name, TargetState target) = 0;
  // Restarts the connector, its tasks too, or only what has FAILED of these. What is answered shows
  // RESTARTING where something restarts. A restart without flags comes as both: what has FAILED.
  virtual Outcome<ConnectorStatus> Restart(const std::string& name, bool include_tasks,
                                           bool only_failed) = 0;
  virtual Outcome<Done> RestartTask(const std::string& name, int task) = 0;

  // Topics from which records came; none for an unknown connector.
  virtual std::vector<std::string> ActiveTopics(const std::string& name) const = 0;
  virtual void ResetActiveTopics(const std::string& name) = 0;

  // Of the connector's group, at the broker.
  virtual Outcome<std::vector<PartitionOffset>> Offsets(const std::string& name) = 0;
  // Done when offsets can be changed, because the connector is stopped. Waits, for some seconds at
  // most, for one that is being stopped.
  virtual Outcome<Done> AwaitStopped(const std::string& name) = 0;
  // Both do as AwaitStopped first, and wait likewise for the group to have no members.
  virtual Outcome<Done> AlterOffsets(const std::string& name,
                                     const std::vector<PartitionOffset>& offsets) = 0;
  virtual Outcome<Done> ResetOffsets(const std::string& name) = 0;

  // Looks at the directory now, and waits for the end of that: what was wrong with definitions, one
  // problem a line; empty when nothing was.
  virtual std::vector<std::string> Reload() = 0;
  // Stops every connector and waits for it. False when its bound was over first.
  virtual bool Drain() = 0;

  // Of the broker; empty while none has answered yet.
  virtual std::string ClusterId() const = 0;
  // The definitions were read and their connectors were started.
  virtual bool Started() const = 0;
  // Some broker could be reached when it was last tried.
  virtual bool BrokerAnswers() const = 0;
};

}  // namespace khs::rest
