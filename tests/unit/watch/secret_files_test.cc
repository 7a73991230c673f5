#include "watch/secret_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdio>
#include <string>
#include <thread>

#include "unit/watch/directory_for_tests.h"
#include "unit/watch/volume_for_tests.h"

namespace khs::watch {
namespace {

class SecretFilesTest : public testing::Test {
 protected:
  SecretFilesTest() {
    fs::create_directories(allowed_ / "deep");
    WriteFile(allowed_ / "token", "s3cret");
    WriteFile(allowed_ / "deep/token", "deep");
    WriteFile(outside_, "private");
  }

  // Returns the content, or `! ` and the error.
  std::string Read(const fs::path& file) const {
    const auto content = secrets_.Read(file);
    return content ? *content : "! " + content.error();
  }
  std::string ReadContent(const std::string& content) const {
    WriteFile(allowed_ / "content", content);
    return Read(allowed_ / "content");
  }

  DirectoryForTests root_;
  const fs::path allowed_ = root_ / "secrets";
  const fs::path outside_ = root_ / "outside";
  const SecretFiles secrets_{{root_ / "not there", allowed_}};
};

TEST_F(SecretFilesTest, ReadsFilesInAnAllowedDirectory) {
  EXPECT_EQ(Read(allowed_ / "token"), "s3cret");
  EXPECT_EQ(Read(allowed_ / "deep/token"), "deep");
  EXPECT_EQ(Read(allowed_.string() + "//deep/./token"), "deep");
}

TEST_F(SecretFilesTest, ReturnsTheContentUnchanged) {
  for (const char* content : {"a\n", "a\nb", " a ", "\n"}) {
    EXPECT_EQ(ReadContent(content), content);
  }
}

TEST_F(SecretFilesTest, RejectsFilesThatCannotBeSecrets) {
  EXPECT_EQ(ReadContent(""), "! empty");
  EXPECT_EQ(ReadContent(std::string("a\0b", 3)), "! holds a NUL");
  EXPECT_EQ(ReadContent(std::string(kMaxSecretBytes, 'x')), std::string(kMaxSecretBytes, 'x'));
  EXPECT_EQ(ReadContent(std::string(kMaxSecretBytes + 1, 'x')), "! larger than 64 KiB");
}

TEST_F(SecretFilesTest, RejectsRelativeAndParentPaths) {
  EXPECT_EQ(Read("token"), "! its path is not absolute");
  EXPECT_EQ(Read(""), "! its path is not absolute");
  EXPECT_EQ(Read(allowed_ / "deep/../token"), "! .. in its path");
  EXPECT_EQ(Read(allowed_ / ".."), "! .. in its path");
  EXPECT_EQ(Read(allowed_.string() + std::string("/token\0.pem", 11)), "! a NUL in its path");
}

TEST_F(SecretFilesTest, RejectsFilesOutsideWithoutRevealingWhetherTheyExist) {
  fs::create_directory(root_ / "secrets2");
  WriteFile(root_ / "secrets2/token", "private");
  for (const fs::path& path : {outside_, root_ / "none", root_ / "secrets2/token", root_.path(),
                               fs::path("/"), fs::path("/etc/passwd"), fs::path("/none/at/all")}) {
    EXPECT_EQ(Read(path), "! outside secrets.dirs") << path;
  }
  EXPECT_FALSE(SecretFiles({}).Read(allowed_ / "token"));
  EXPECT_FALSE(SecretFiles({""}).Read(allowed_ / "token"));
}

TEST_F(SecretFilesTest, RejectsLinksThatLeadOutside) {
  fs::create_symlink(outside_, allowed_ / "absolute");
  fs::create_symlink("../outside", allowed_ / "relative");
  fs::create_symlink(root_.path(), allowed_ / "up");
  fs::create_symlink("relative", allowed_ / "chain");
  for (const char* name : {"absolute", "relative", "up/outside", "chain"}) {
    EXPECT_EQ(Read(allowed_ / name), "! a link leads out of secrets.dirs") << name;
  }
}

TEST_F(SecretFilesTest, FollowsLinksThatStayInside) {
  fs::create_symlink("deep/token", allowed_ / "link");
  fs::create_symlink(allowed_ / "link", allowed_ / "chain");
  fs::create_symlink("../secrets/deep", allowed_ / "round");
  EXPECT_EQ(Read(allowed_ / "chain"), "deep");
  EXPECT_EQ(Read(allowed_ / "round/token"), "deep");
}

TEST_F(SecretFilesTest, RecognizesAnAllowedDirectoryThroughLinks) {
  fs::create_directory_symlink("secrets", root_ / "alias");
  const SecretFiles by_alias({root_ / "alias/"});
  EXPECT_EQ(by_alias.Read(root_ / "alias/token"), "s3cret");
  EXPECT_EQ(by_alias.Read(allowed_ / "token"), "s3cret");
  EXPECT_EQ(Read(root_ / "alias/token"), "s3cret");
  EXPECT_EQ(Read(root_ / "alias/none"), "! outside secrets.dirs");
  EXPECT_EQ(SecretFiles({"/"}).Read(outside_), "private");
}

TEST_F(SecretFilesTest, RejectsMissingAndSpecialFilesWithoutBlocking) {
  EXPECT_EQ(Read(allowed_ / "none"), "! No such file or directory");
  EXPECT_EQ(Read(allowed_ / "none/token"), "! No such file or directory");
  EXPECT_EQ(Read(allowed_ / "token/key"), "! Not a directory");
  EXPECT_EQ(Read(allowed_ / "deep"), "! not a regular file");
  EXPECT_EQ(Read(allowed_), "! not a regular file");
  ASSERT_EQ(::mkfifo((allowed_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(Read(allowed_ / "fifo"), "! not a regular file");
  fs::create_symlink("loop", allowed_ / "loop");
  EXPECT_EQ(Read(allowed_ / "loop"), "! Too many levels of symbolic links");
}

TEST_F(SecretFilesTest, RejectsUnreadableFiles) {
  fs::permissions(root_.path(), fs::perms::all);
  fs::permissions(allowed_ / "token", fs::perms::none);
  // Root may read every file, so the thread changes its user meanwhile.
  const int before = ::setfsuid(65534);
  const std::string read = Read(allowed_ / "token");
  ::setfsuid(static_cast<uid_t>(before));
  EXPECT_EQ(read, "! Permission denied");
}

TEST_F(SecretFilesTest, ReadsAVolumeDuringSwaps) {
  VolumeForTests volume(allowed_ / "sasl");
  const std::string old_password(1000, '0');
  const std::string new_password(1000, '1');
  volume.Put({{"password", old_password}});
  EXPECT_EQ(Read(allowed_ / "sasl/password"), old_password);
  std::atomic<bool> is_over = false;
  std::thread writer([&] {
    for (int i = 1; i <= 1000; ++i) {
      volume.Put({{"password", i % 2 == 0 ? old_password : new_password}});
    }
    volume.Put({{"password", "the last one"}});
    is_over = true;
  });
  while (!is_over) {
    const std::string read = Read(allowed_ / "sasl/password");
    EXPECT_TRUE(read == old_password || read == new_password || read == "the last one") << read;
  }
  writer.join();
  EXPECT_EQ(Read(allowed_ / "sasl/password"), "the last one");
}

// Someone who may write to an allowed directory must not make other files readable.
TEST_F(SecretFilesTest, NeverReadsOutsideWhileLinksChange) {
  fs::create_directory(root_ / "private");
  WriteFile(root_ / "private/token", "private");
  fs::create_symlink(outside_, allowed_ / "file link");
  fs::create_symlink(root_ / "private", allowed_ / "directory link");
  const auto exchange = [&](const char* one, const char* other) {
    return ::renameat2(AT_FDCWD, (allowed_ / one).c_str(), AT_FDCWD, (allowed_ / other).c_str(),
                       RENAME_EXCHANGE) == 0;
  };
  if (!exchange("deep", "directory link") || !exchange("deep", "directory link")) {
    GTEST_SKIP() << "this file system can't exchange names";
  }
  std::atomic<bool> is_over = false;
  std::thread writer([&] {
    for (int i = 0; i < 20'001; ++i) {
      exchange("deep", "directory link");
      exchange("token", "file link");
    }
    is_over = true;
  });
  while (!is_over) {
    EXPECT_NE(Read(allowed_ / "deep/token"), "private");
    EXPECT_NE(Read(allowed_ / "token"), "private");
  }
  writer.join();
  EXPECT_EQ(Read(allowed_ / "token"), "! a link leads out of secrets.dirs");
  EXPECT_EQ(Read(allowed_ / "deep/token"), "! a link leads out of secrets.dirs");
}

}  // namespace
}  // namespace khs::watch
