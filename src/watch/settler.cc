#include "watch/settler.h"

#include <iterator>
#include <utility>

namespace khs::watch {

Settler::Settled Settler::Look(Snapshot snapshot) {
  if (!snapshot.error.empty()) return {std::move(snapshot), has_pending_};

  std::map<std::string, File> seen;
  for (DefinitionFile& file : snapshot.files) {
    states_.try_emplace(file.path);
    std::string path = file.path;
    seen.insert_or_assign(std::move(path), std::move(file));
  }
  has_pending_ = false;
  snapshot.files.clear();
  for (auto it = states_.begin(); it != states_.end();) {
    State& state = it->second;
    const auto found = seen.find(it->first);
    File now = found == seen.end() ? std::nullopt : std::move(found->second);
    const bool is_atomic = now ? now->atomic : state.accepted && state.accepted->atomic;
    const bool is_confirmed = state.pending && *state.pending == now;
    if (is_atomic || is_confirmed || now == state.accepted) {
      state = {std::move(now), std::nullopt};
    } else {
      state.pending.emplace(std::move(now));
      has_pending_ = true;
    }
    if (state.accepted) snapshot.files.push_back(*state.accepted);
    it = state.accepted || state.pending ? std::next(it) : states_.erase(it);
  }
  return {std::move(snapshot), has_pending_};
}

}  // namespace khs::watch
