#include "config/convert.h"

#include <cstdio>

#include "app/commands.h"
#include "app/output.h"
#include "watch/snapshot.h"

namespace khs::app {

int Convert(const std::string& path) {
  const watch::DefinitionFile file = watch::ReadDefinition(path);
  if (!file.error.empty()) {
    PrintError(file.path, "cannot be read: " + file.error);
    return kExitUsage;
  }
  const auto conversion = config::ConvertDefinition(file.path, file.content);
  const config::Problems& problems = conversion ? conversion->problems : conversion.error();
  PrintProblems(problems);
  if (!conversion) return kExitUsage;
  std::fputs(conversion->toml.c_str(), stdout);
  if (!FlushOutput()) return kExitFailed;
  return config::HasErrors(problems) ? kExitFailed : kExitOk;
}

}  // namespace khs::app
