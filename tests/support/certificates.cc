#include "support/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include <memory>
#include <stdexcept>

namespace khs::testing {
namespace {

using Key = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;
using Certificate = std::unique_ptr<X509, void (*)(X509*)>;
using File = std::unique_ptr<FILE, int (*)(FILE*)>;

void Require(bool good) {
  if (!good) throw std::runtime_error("cannot make the test's certificates");
}

Key NewKey() {
  Key key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  Require(key != nullptr);
  return key;
}

// `issuer` may be the certificate itself.
void AddExtension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  Require(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

Certificate NewCertificate(EVP_PKEY* key, const std::string& common_name, long serial,
                           const X509_NAME* issuer, const Validity& validity = {}) {
  Certificate certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), validity.from.count());
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), validity.until.count());
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  Require(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                     reinterpret_cast<const unsigned char*>(common_name.c_str()),
                                     -1, -1, 0) == 1);
  Require(X509_set_issuer_name(certificate.get(), issuer != nullptr ? issuer : subject) == 1);
  return certificate;
}

void Sign(X509* certificate, EVP_PKEY* key) {
  Require(X509_sign(certificate, key, EVP_sha256()) > 0);
}

void Write(const std::string& path, X509* certificate) {
  const File file(std::fopen(path.c_str(), "w"), std::fclose);
  Require(file != nullptr && PEM_write_X509(file.get(), certificate) == 1);
}

void Write(const std::string& path, EVP_PKEY* key) {
  const File file(std::fopen(path.c_str(), "w"), std::fclose);
  Require(file != nullptr &&
          PEM_write_PrivateKey(file.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "khs-test-XXXXXX").string();
  Require(::mkdtemp(name.data()) != nullptr);
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

struct CertificateAuthority::Keys {
  Key key;
  Certificate certificate;
};

CertificateAuthority::CertificateAuthority(const std::string& name,
                                           const CertificateAuthority* issuer) {
  Key key = NewKey();
  const Keys* const by = issuer != nullptr ? issuer->keys_.get() : nullptr;
  Certificate certificate =
      NewCertificate(key.get(), name, serial_++,
                     by != nullptr ? X509_get_subject_name(by->certificate.get()) : nullptr);
  const auto add = [&](int kind, const std::string& value) {
    AddExtension(certificate.get(), certificate.get(), kind, value);
  };
  add(NID_basic_constraints, "critical,CA:TRUE");
  add(NID_key_usage, "critical,keyCertSign,cRLSign");
  add(NID_subject_key_identifier, "hash");
  Sign(certificate.get(), by != nullptr ? by->key.get() : key.get());
  Write(ca_file(), certificate.get());
  keys_ = std::make_unique<Keys>(Keys{std::move(key), std::move(certificate)});
}

CertificateAuthority::~CertificateAuthority() = default;

std::string CertificateAuthority::ca_file() const { return directory_.path() / "ca.pem"; }

CertificateAuthority::Issued CertificateAuthority::Issue(const std::string& common_name,
                                                         const std::vector<std::string>& names,
                                                         const Validity& validity) {
  return Make(common_name, names, validity, keys_.get());
}

CertificateAuthority::Issued CertificateAuthority::IssueSelfSigned(
    const std::string& common_name, const std::vector<std::string>& names) {
  return Make(common_name, names, {}, nullptr);
}

CertificateAuthority::Issued CertificateAuthority::Make(const std::string& common_name,
                                                        const std::vector<std::string>& names,
                                                        const Validity& validity,
                                                        const Keys* issuer) {
  const Key key = NewKey();
  const Certificate certificate = NewCertificate(
      key.get(), common_name, serial_,
      issuer != nullptr ? X509_get_subject_name(issuer->certificate.get()) : nullptr, validity);
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : ",") + name;
  const auto add = [&](int kind, const std::string& value) {
    X509* const by = issuer != nullptr ? issuer->certificate.get() : certificate.get();
    AddExtension(certificate.get(), by, kind, value);
  };
  if (!joined.empty()) add(NID_subject_alt_name, joined);
  if (issuer != nullptr) add(NID_authority_key_identifier, "keyid:always");
  Sign(certificate.get(), issuer != nullptr ? issuer->key.get() : key.get());
  const std::string stem = directory_.path() / std::to_string(serial_++);
  Issued issued{stem + ".pem", stem + "-key.pem"};
  Write(issued.certificate_file, certificate.get());
  Write(issued.key_file, key.get());
  return issued;
}

void EncryptKey(const std::string& key_file, const std::string& password) {
  File file(std::fopen(key_file.c_str(), "r+"), std::fclose);
  Require(file != nullptr);
  const Key key(PEM_read_PrivateKey(file.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  std::rewind(file.get());
  Require(key != nullptr &&
          PEM_write_PrivateKey(file.get(), key.get(), EVP_aes_256_cbc(),
                               reinterpret_cast<const unsigned char*>(password.data()),
                               static_cast<int>(password.size()), nullptr, nullptr) == 1);
}

}  // namespace khs::testing
