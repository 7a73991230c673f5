#include "watch/settler.h"

#include <iterator>
#include <utility>

namespace khs::watch {

Settler::Settled Settler::Look(Snapshot snapshot) {
  if (!snapshot.error.empty()) return {std::move(snapshot), is_undecided_};

  std::map<std::string, File> seen;
  for (DefinitionFile& file : snapshot.files) {
    opinions_.try_emplace(file.path);
    std::string path = file.path;
    seen.insert_or_assign(std::move(path), std::move(file));
  }
  is_undecided_ = false;
  snapshot.files.clear();
  for (auto it = opinions_.begin(); it != opinions_.end();) {
    Opinion& opinion = it->second;
    const auto found = seen.find(it->first);
    File now = found == seen.end() ? std::nullopt : std::move(found->second);
    const bool is_atomic = now ? now->atomic : opinion.believed && opinion.believed->atomic;
    const bool is_confirmed = opinion.doubted && *opinion.doubted == now;
    if (is_atomic || is_confirmed || now == opinion.believed) {
      opinion = {std::move(now), std::nullopt};
    } else {
      opinion.doubted.emplace(std::move(now));
      is_undecided_ = true;
    }
    if (opinion.believed) snapshot.files.push_back(*opinion.believed);
    it = opinion.believed || opinion.doubted ? std::next(it) : opinions_.erase(it);
  }
  return {std::move(snapshot), is_undecided_};
}

}  // namespace khs::watch
