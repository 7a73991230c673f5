#include "kafka/redactor.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace khs::kafka {
namespace {

Redactor RedactorFor(const std::string& value) {
  return Redactor({{"p", base::Secret::FromReference(value)}});
}

TEST(Redactor, HidesAValueInWholeAndInPart) {
  for (const auto& [value, text, shown] :
       {std::array{"s3cr3tVALUE", "mechanism: s3cr3tVALUE", "mechanism: [hidden]"},
        {"s3cr3tVALUE", "(s3cr3tVALUE)(s3cr3tVALUE)", "([hidden])([hidden])"},
        {"s3cr3tVALUE", "beginning at: VALUE? tVALUE", "beginning at: VALUE? [hidden]"},
        {"s3cr3tVALUE", "cut off: s3cr3t", "cut off: [hidden]"},
        {"broker-1:9092,broker-2:9093", "broker-2:9093/bootstrap: failed",
         "[hidden]/bootstrap: failed"},
        {"SSL://kafka", "ssl://kafka:9092/bootstrap: failed", "ssl[hidden]:9092/bootstrap: failed"},
        {"principal=admin x=\"abc\"", "at: abc\"", "at: [hidden]\""}}) {
    EXPECT_EQ(RedactorFor(value).Redact(text), shown);
  }
}

TEST(Redactor, HidesAShortValueThatIsAWholeWord) {
  EXPECT_EQ(RedactorFor("a").Redact("a mechanism \"a\" has a_b, a"),
            "[hidden] mechanism \"[hidden]\" has a_b, [hidden]");
  EXPECT_EQ(RedactorFor("!?").Redact("no !? here"), "no [hidden] here");
}

TEST(Redactor, LeavesOtherTextUnchanged) {
  const Redactor redactor({{"a", "canary"}, {"b", base::Secret::FromReference("secret")}});
  EXPECT_EQ(redactor.Redact("canary of the secrecy"), "canary of the secrecy");
  EXPECT_EQ(Redactor({}).Redact("canary"), "canary");
}

TEST(Redactor, HidesRenewedAndPreviousCredentials) {
  Redactor redactor = RedactorFor("first1");
  redactor.Renew("second2", "third3");
  EXPECT_EQ(redactor.Redact("first1 second2 third3 fourth4"), "[hidden] [hidden] [hidden] fourth4");
  redactor.Renew("fourth4", "fifth5");
  EXPECT_EQ(redactor.Redact("first1 third3 fourth4"), "[hidden] [hidden] [hidden]");
}

}  // namespace
}  // namespace khs::kafka
