#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace khs::testing {

// A new directory in the system's temporary directory, removed with its content.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Validity period, relative to now.
struct Validity {
  std::chrono::seconds from = -std::chrono::hours(1);
  std::chrono::seconds until = std::chrono::hours(24);
};

// A certificate authority of the test's own, with the certificates that it issued, as PEM files.
class CertificateAuthority {
 public:
  struct Issued {
    std::string certificate_file;
    std::string key_file;
  };

  // Of `issuer`, where there is one: an intermediate authority.
  explicit CertificateAuthority(const std::string& name = "Test Authority",
                                const CertificateAuthority* issuer = nullptr);
  ~CertificateAuthority();

  std::string ca_file() const;
  const std::filesystem::path& directory() const { return directory_.path(); }

  // `names` as OpenSSL writes them: "DNS:localhost", "IP:127.0.0.1". For servers and clients alike.
  Issued Issue(const std::string& common_name, const std::vector<std::string>& names = {},
               const Validity& validity = {});
  // Self-signed.
  Issued IssueSelfSigned(const std::string& common_name, const std::vector<std::string>& names);

 private:
  struct Keys;

  Issued Make(const std::string& common_name, const std::vector<std::string>& names,
              const Validity& validity, const Keys* issuer);

  TemporaryDirectory directory_;
  std::unique_ptr<Keys> keys_;
  long serial_ = 1;
};

// Encrypts the private key in a PEM file.
void EncryptKey(const std::string& key_file, const std::string& password);

}  // namespace khs::testing
