#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/flat.h"
#include "config/foreign_connector.h"
#include "config/foreign_text.h"
#include "config/problem.h"

namespace khs::config {

// A value of another connector's definition, without the blanks around it.
struct ForeignValue {
  std::string key;
  std::string text;
  Position position;
  bool is_default = false;  // the other connector's default, which nobody wrote
};

// A definition of another connector while it is translated. Lives for one conversion.
class Translation {
 public:
  // `definition` must outlive the translation.
  Translation(ForeignKind kind, std::string file, const FlatConfig& definition)
      : kind_(kind), file_(std::move(file)), definition_(definition) {}

  ForeignKind kind() const { return kind_; }
  // Returns whether the definition sets a key, perhaps to a blank text.
  bool Has(std::string_view key) const { return FindEntry(definition_, key) != nullptr; }
  // Returns the text of a key of the definition; empty if it is blank or not set.
  std::string_view Find(std::string_view key) const;

  // Sets one of our keys.
  void Set(std::string_view ours, std::string text);
  // Adds a header, unless there is one of that name.
  bool AddHeader(std::string_view name, std::string value);

  // Reports a value that is not carried over, completely or at all. Defaults are never lost.
  void Lose(const ForeignKey& row, const ForeignValue& value, std::string reason);
  // Reports a value that means something else here, also if it is a default.
  void Warn(const ForeignValue& value, std::string text);
  // Notes a value that is not needed here.
  void LeaveOut(const ForeignValue& value, std::string_view reason);

  const std::map<std::string, std::string, std::less<>>& values() const { return values_; }
  const std::vector<std::pair<std::string, std::string>>& headers() const { return headers_; }
  const Problems& problems() const { return problems_; }
  const std::vector<std::pair<std::string, std::string>>& left_out() const { return left_out_; }
  // Returns those of our keys whose values were lost.
  const std::set<std::string>& lost() const { return lost_; }

 private:
  ForeignKind kind_;
  std::string file_;
  const FlatConfig& definition_;
  std::map<std::string, std::string, std::less<>> values_;
  std::vector<std::pair<std::string, std::string>> headers_;
  Problems problems_;  // errors are losses
  std::vector<std::pair<std::string, std::string>> left_out_;
  std::set<std::string> lost_;
};

// The functions of the table; the names of their rows' keys say more.

void TranslateCopy(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateLost(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateLostIfTrue(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateLostUnlessDefault(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateLeftOut(Translation&, const ForeignKey&, const ForeignValue&);
// For keys that belong to another one, whose function reads them.
void TranslateElsewhere(Translation&, const ForeignKey&, const ForeignValue&);

void TranslateUrl(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateBaseUrl(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateHeaders(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateContentType(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateAuthorization(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateBodyFormat(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateContent(Translation&, const ForeignKey&, const ForeignValue&);

void TranslateDelay(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateSeconds(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateTopicsRegex(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateStatusCodes(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateRetryMode(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateErrorBehavior(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateErrorTolerance(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateErrorThreshold(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateNullValues(Translation&, const ForeignKey&, const ForeignValue&);

void TranslateAuthType(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateCredential(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateAuthMode(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateProxy(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateTrustStore(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateKeyStore(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateKeyPassword(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateIdentification(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateHostVerifier(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateTrustAll(Translation&, const ForeignKey&, const ForeignValue&);

void TranslateReporter(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateBatchSize(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateBatchBound(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateConverter(Translation&, const ForeignKey&, const ForeignValue&);
void TranslateDataFormat(Translation&, const ForeignKey&, const ForeignValue&);

}  // namespace khs::config
