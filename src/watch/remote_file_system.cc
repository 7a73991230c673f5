#include "watch/remote_file_system.h"

#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace khs::watch {
namespace {

struct Type {
  uint32_t number;
  std::string_view name;
};

// From linux/magic.h, or from the sources of file systems that are missing there.
constexpr std::array kRemoteTypes{
    Type{0x6969, "NFS"},
    Type{0x517b, "SMB"},
    Type{0xff534d42, "CIFS"},
    Type{0xfe534d42, "SMB2"},
    Type{0x65735546, "FUSE"},
    Type{0x01021997, "9p"},
    Type{0x5346414f, "OpenAFS"},
    Type{0x6b414653, "AFS"},
    Type{0x00c36400, "Ceph"},
    Type{0x73757245, "Coda"},
    Type{0x564c, "NCP"},
    Type{0x786f4256, "VirtualBox shared folder"},
    Type{0xbacbacbc, "VMware shared folder"},
    Type{0x0bd00bd0, "Lustre"},
    Type{0x47504653, "GPFS"},
    Type{0x19830326, "BeeGFS"},
    Type{0x01161970, "GFS2"},
    Type{0x7461636f, "OCFS2"},
};

}  // namespace

std::string_view RemoteFileSystemName(uint32_t type) {
  const auto found = std::find_if(kRemoteTypes.begin(), kRemoteTypes.end(),
                                  [&](const Type& known) { return known.number == type; });
  return found == kRemoteTypes.end() ? std::string_view() : found->name;
}

std::optional<std::string_view> FindRemoteFileSystem(const std::string& directory) {
  struct statfs info {};
  int result = 0;
  do {
    result = ::statfs(directory.c_str(), &info);
  } while (result != 0 && errno == EINTR);
  if (result != 0) return std::nullopt;
  // f_type has 32 bits, which some platforms sign-extend.
  const std::string_view name = RemoteFileSystemName(static_cast<uint32_t>(info.f_type));
  return name.empty() ? std::nullopt : std::optional(name);
}

}  // namespace khs::watch
