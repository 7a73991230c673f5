#include "config/convert.h"

#include <cstdio>

#include "app/commands.h"
#include "app/output.h"
#include "watch/snapshot.h"

namespace khs::app {

int Convert(const std::string& path) {
  const watch::DefinitionFile file = watch::ReadDefinition(path);
  if (!file.error.empty()) {
    std::fprintf(stderr, "%s: error: cannot be read: %s\n", file.path.c_str(), file.error.c_str());
    return kExitUsage;
  }
  const auto conversion = config::ConvertDefinition(file.path, file.content);
  const config::Problems& problems = conversion ? conversion->problems : conversion.error();
  for (const config::Problem& problem : problems) {
    std::fprintf(stderr, "%s\n", config::Format(problem).c_str());
  }
  if (!conversion) return kExitUsage;
  std::fputs(conversion->toml.c_str(), stdout);
  if (!FlushOutput()) return kExitFailed;
  return config::HasErrors(problems) ? kExitFailed : kExitOk;
}

}  // namespace khs::app
