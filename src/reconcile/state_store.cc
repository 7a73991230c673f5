#include "reconcile/state_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/encoding.h"
#include "base/unique_fd.h"
#include "config/flat.h"
#include "config/problem.h"
#include "watch/snapshot.h"

namespace khs::reconcile {
namespace {

using connect::TargetState;

namespace fs = std::filesystem;

constexpr std::string_view kEnding = ".toml";
constexpr std::string_view kTemporary = ".new";
constexpr std::string_view kDamaged = ".damaged";
constexpr size_t kLongestStem = 180;
constexpr std::array<std::pair<std::string_view, TargetState>, 3> kTargets{
    {{"started", TargetState::kStarted},
     {"paused", TargetState::kPaused},
     {"stopped", TargetState::kStopped}}};

std::string NameOf(TargetState target) {
  for (const auto& [name, value] : kTargets) {
    if (value == target) return std::string(name);
  }
  return {};
}

std::string Why() { return std::strerror(errno); }

std::optional<std::string> WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return Why();
    text.remove_prefix(static_cast<size_t>(wrote));
  }
  return std::nullopt;
}

// A rename or removal is durable only after an fsync of the directory. Open it before any change.
base::UniqueFd OpenDirectory(const fs::path& directory) {
  return base::UniqueFd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}
std::optional<std::string> Sync(const base::UniqueFd& directory) {
  if (::fsync(directory.get()) != 0) return Why();
  return std::nullopt;
}

std::optional<std::string> WriteFile(const fs::path& file, std::string_view text) {
  const base::UniqueFd fd(
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return Why();
  if (auto failure = WriteAll(fd.get(), text)) return failure;
  if (::fsync(fd.get()) != 0) return Why();
  return std::nullopt;
}

std::optional<std::string> Replace(const fs::path& directory, const std::string& name,
                                   std::string_view text) {
  const base::UniqueFd opened = OpenDirectory(directory);
  if (!opened) return Why();
  const fs::path file = directory / name;
  const fs::path temporary = file.string() + std::string(kTemporary);
  auto failure = WriteFile(temporary, text);
  if (!failure && ::rename(temporary.c_str(), file.c_str()) != 0) failure = Why();
  if (failure) {
    (void)::unlink(temporary.c_str());
    return failure;
  }
  return Sync(opened);
}

base::Expected<std::pair<std::string, StoredConnector>, std::string> Parse(
    const std::string& file, const std::string& text) {
  const auto entries = config::ReadToml(file, text, [](std::string_view) { return false; });
  if (!entries) return base::Unexpected<std::string>(config::Format(entries.error().front()));
  constexpr std::string_view kConfig = "config.";
  std::string name;
  StoredConnector connector;
  bool has_target = false;
  for (const config::Entry& entry : *entries) {
    if (entry.key == "name") {
      name = entry.text;
    } else if (entry.key == "target") {
      for (const auto& [word, target] : kTargets) {
        if (entry.text != word) continue;
        connector.target_state = target;
        has_target = true;
      }
    } else if (entry.key.starts_with(kConfig)) {
      if (!connector.config) connector.config.emplace();
      (*connector.config)[entry.key.substr(kConfig.size())] = entry.text;
    }
  }
  if (name.empty() || !has_target) {
    return base::Unexpected<std::string>(file + ": error: it has no name or no target");
  }
  return std::pair(std::move(name), std::move(connector));
}

}  // namespace

std::string StateFileName(const std::string& connector) {
  std::string stem;
  for (const char c : connector) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    // Upper case too: some file systems don't tell it apart.
    stem += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  if (stem.size() > kLongestStem) {
    stem.resize(kLongestStem / 2);
    stem += "~" + base::Md5Hex(connector);
  }
  return stem + std::string(kEnding);
}

StateStore::StateStore(fs::path directory) : directory_(std::move(directory)) {}

std::vector<std::string> StateStore::Load() {
  std::vector<std::string> errors;
  if (directory_.empty()) return errors;
  std::error_code error;
  fs::create_directories(directory_, error);
  fs::directory_iterator entry(directory_, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const fs::path& file = entry->path();
    if (file.extension() == kTemporary) {
      (void)::unlink(file.c_str());  // an interrupted change
    } else if (file.extension() == kEnding) {
      if (auto problem = LoadOne(file)) errors.push_back(std::move(*problem));
    }
  }
  if (error) {
    errors.push_back(directory_.string() + ": " + error.message());
  } else if (::faccessat(AT_FDCWD, directory_.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    errors.push_back(directory_.string() + ": nothing can be stored here: " + Why());
  }
  return errors;
}

std::optional<std::string> StateStore::LoadOne(const fs::path& file) {
  const watch::DefinitionFile read = watch::ReadDefinition(file);
  // The next start may be able to read it, so the file stays.
  if (!read.error.empty()) return file.string() + ": " + read.error;
  auto parsed = Parse(file.string(), read.content);
  if (parsed && StateFileName(parsed->first) != file.filename()) {
    // A copy of another file; later changes would not reach it.
    parsed = base::Unexpected<std::string>(file.string() + ": error: its name belongs to " +
                                           StateFileName(parsed->first));
  }
  if (parsed) {
    connectors_.insert_or_assign(std::move(parsed->first), std::move(parsed->second));
    return std::nullopt;
  }
  const fs::path aside = file.string() + std::string(kDamaged);
  const bool moved = ::rename(file.c_str(), aside.c_str()) == 0;
  return parsed.error() +
         (moved ? "; renamed to " + aside.string() : "; it can't be renamed: " + Why());
}

std::optional<StateStore::Failure> StateStore::Put(const std::string& name,
                                                   StoredConnector connector) {
  if (!directory_.empty()) {
    const std::string text =
        config::WriteToml({{"name", name}, {"target", NameOf(connector.target_state)}}, "config",
                          connector.config.value_or(std::map<std::string, std::string>{}));
    std::optional<std::string> why;
    if (text.size() > watch::kMaxDefinitionBytes) {
      why = "it is larger than 1 MiB";
    } else if (const auto back = Parse(name, text); !back || *back != std::pair(name, connector)) {
      why = "it could not be loaded again unchanged";
    } else {
      why = Replace(directory_, StateFileName(name), text);
    }
    if (why) {
      return "connector " + name + " cannot be stored in " + directory_.string() + ": " + *why;
    }
  }
  connectors_.insert_or_assign(name, std::move(connector));
  return std::nullopt;
}

std::optional<StateStore::Failure> StateStore::Remove(const std::string& name) {
  if (!connectors_.contains(name)) return std::nullopt;
  if (!directory_.empty()) {
    const fs::path file = directory_ / StateFileName(name);
    const base::UniqueFd opened = OpenDirectory(directory_);
    std::optional<std::string> why;
    if (!opened || (::unlink(file.c_str()) != 0 && errno != ENOENT)) why = Why();
    if (!why) why = Sync(opened);
    if (why) {
      return "connector " + name + " cannot be removed from " + directory_.string() + ": " + *why;
    }
  }
  connectors_.erase(name);
  return std::nullopt;
}

}  // namespace khs::reconcile
