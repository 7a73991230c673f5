#include "config/client_properties.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "config/jaas.h"
#include "config/java_client.h"
#include "config/property_rules.h"
#include "config/text.h"

namespace khs::config {
namespace {

using base::Secret;

// librdkafka's aliases and the canonical name of each.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kAliases = {{
    {"auto.commit.enable", "enable.auto.commit"},
    {"compression.type", "compression.codec"},
    {"delivery.timeout.ms", "message.timeout.ms"},
    {"max.in.flight.requests.per.connection", "max.in.flight"},
    {"max.partition.fetch.bytes", "fetch.message.max.bytes"},
    {"message.send.max.retries", "retries"},
    {"metadata.broker.list", "bootstrap.servers"},
    {"queue.buffering.max.ms", "linger.ms"},
    {"request.required.acks", "acks"},
    {"sasl.mechanisms", "sasl.mechanism"},
}};

// Returns a value derived from another one, which is a secret if the original is.
Secret Derived(const Secret& from, std::string text) {
  return from.is_from_reference() ? Secret::FromReference(std::move(text))
                                  : Secret(std::move(text));
}

// Restores the line breaks of a PEM in which they are blanks. Java accepts that, OpenSSL does not.
std::string WithLineBreaks(std::string_view pem) {
  constexpr std::string_view kDashes = "-----";
  if (pem.find('\n') != std::string_view::npos) return std::string(pem);
  std::string text;
  while (!pem.empty()) {
    const size_t open = pem.find(kDashes);
    const size_t body = open == std::string_view::npos ? open : pem.find(kDashes, open + 5);
    const size_t close = body == std::string_view::npos ? body : pem.find(kDashes, body + 5);
    const size_t end = close == std::string_view::npos ? close : pem.find(kDashes, close + 5);
    if (end == std::string_view::npos) break;
    text += std::string(pem.substr(open, body + 5 - open)) + '\n';
    size_t column = 0;
    for (const char c : pem.substr(body + 5, close - body - 5)) {
      if (c == ' ' || c == '\t' || c == '\r') continue;
      if (column++ % 64 == 0 && column > 1) text += '\n';
      text += c;
    }
    text += '\n' + std::string(pem.substr(close, end + 5 - close)) + '\n';
    pem.remove_prefix(end + 5);
  }
  return text.empty() ? std::string(pem) : text;
}

// Returns the class name without its package.
std::string_view ClassName(std::string_view text) {
  text = Trim(text);
  return text.substr(text.rfind('.') + 1);
}

// Translates one set of properties; see ToLibrdkafka.
class Translator {
 public:
  Translator(const std::map<std::string, Secret>& written, PropertySource source, bool is_complete)
      : written_(written), source_(source), is_complete_(is_complete) {}

  ClientProperties Run() {
    TranslateStores();
    TranslateJaas();
    TranslateAssignors();
    ValidateJavaValues();
    for (const auto& [name, value] : written_) {
      if (!done_.contains(name)) Set(name, value, name);
    }
    return std::move(result_);
  }

 private:
  const Secret* Find(const std::string& name) const {
    const auto found = written_.find(name);
    return found == written_.end() ? nullptr : &found->second;
  }

  void Reject(const std::string& name, std::string why) {
    result_.errors.push_back({name, std::move(why)});
    done_.insert(name);
  }

  // Validates `value` as librdkafka's property `name` and stores it. `from` is the written name.
  void Set(const std::string& name, const Secret& value, const std::string& from) {
    done_.insert(from);
    if (name != from && written_.contains(name)) {
      Reject(from, "Means the same as " + name + ", which is also set: keep one of them");
      return;
    }
    PropertyValidation validation = ValidateClientProperty(name, value.Reveal(), source_);
    switch (validation.kind) {
      case PropertyValidation::Kind::kAccepted:
        result_.values[name] = value;
        break;
      case PropertyValidation::Kind::kClamped:
        result_.warnings.push_back({from, "Counts as " + validation.text});
        result_.values[name] = Derived(value, std::move(validation.text));
        break;
      case PropertyValidation::Kind::kRejected:
        Reject(from, std::move(validation.text));
        break;
      case PropertyValidation::Kind::kIgnored:
        break;
    }
  }

  // Stores the value of `from` under each of librdkafka's `names`.
  void SetFrom(const std::string& from, std::initializer_list<const char*> names,
               bool is_pem = false) {
    const Secret* value = Find(from);
    if (value == nullptr) return;
    const Secret text = is_pem ? Derived(*value, WithLineBreaks(value->Reveal())) : *value;
    for (const char* name : names) Set(name, text, from);
  }

  // Returns a store's type in lower case; empty if it is not set.
  std::string StoreType(const std::string& name) {
    const Secret* type = Find(name);
    done_.insert(name);
    return type == nullptr ? std::string() : Lower(Trim(type->Reveal()));
  }

  void TranslateStores() {
    const std::string trust = StoreType("ssl.truststore.type");
    SetFrom("ssl.truststore.certificates", {"ssl.ca.pem"}, true);
    done_.insert("ssl.truststore.password");
    if (trust == "pem") {
      SetFrom("ssl.truststore.location", {"ssl.ca.location"});
    } else if (Find("ssl.truststore.location") != nullptr && (is_complete_ || !trust.empty())) {
      Reject("ssl.truststore.location",
             "Java's trust stores cannot be read: write the CA certificates as PEM (keytool -list "
             "-rfc) into a file, and its name as ssl.ca.location, or as this with "
             "ssl.truststore.type=PEM");
    }
    done_.insert("ssl.truststore.location");

    const std::string key = StoreType("ssl.keystore.type");
    SetFrom("ssl.keystore.key", {"ssl.key.pem"}, true);
    SetFrom("ssl.keystore.certificate.chain", {"ssl.certificate.pem"}, true);
    if (key == "pem") {
      SetFrom("ssl.keystore.location", {"ssl.certificate.location", "ssl.key.location"});
      done_.insert("ssl.keystore.password");
    } else if (!key.empty() && key != "pkcs12") {
      Reject("ssl.keystore.type",
             "Can only be PKCS12 or PEM: convert the key store with keytool -importkeystore "
             "-deststoretype PKCS12");
    }
  }

  void TranslateJaas() {
    const std::string from = "sasl.jaas.config";
    const Secret* value = Find(from);
    if (value == nullptr) return;
    done_.insert(from);
    const auto module = ParseJaas(value->Reveal());
    if (!module) {
      Reject(from, "Expected exactly one login module: CLASS required KEY=\"VALUE\" ... ;");
      return;
    }
    const auto option = [&module = *module](const char* name) {
      const auto found = module.options.find(name);
      return found == module.options.end() ? std::string() : found->second;
    };
    const auto set = [&](const char* name, const std::string& text) {
      if (!text.empty()) Set(name, Derived(*value, text), from);
    };
    if (module->name == "PlainLoginModule" || module->name == "ScramLoginModule") {
      if (option("username").empty() || option("password").empty() ||
          EqualIgnoringCase(option("tokenauth"), "true")) {
        Reject(from, "Needs username and password; delegation tokens are not supported");
        return;
      }
      set("sasl.username", option("username"));
      set("sasl.password", option("password"));
    } else if (module->name == "Krb5LoginModule" && !option("keyTab").empty()) {
      set("sasl.kerberos.keytab", option("keyTab"));
      set("sasl.kerberos.principal", option("principal"));
      set("sasl.kerberos.service.name", option("serviceName"));
    } else if (module->name == "OAuthBearerLoginModule" && !option("clientId").empty()) {
      set("sasl.oauthbearer.client.id", option("clientId"));
      set("sasl.oauthbearer.client.secret", option("clientSecret"));
      set("sasl.oauthbearer.scope", option("scope"));
      set("sasl.oauthbearer.extensions", Extensions(module->options));
    } else {
      Reject(from,
             "Can only be a PlainLoginModule, a ScramLoginModule, an OAuthBearerLoginModule with a "
             "clientId, or a Krb5LoginModule with a keyTab: write librdkafka's sasl.username and "
             "sasl.password, sasl.oauthbearer.* or sasl.kerberos.*");
    }
  }

  // Returns the options extension_NAME as librdkafka writes them.
  static std::string Extensions(const std::map<std::string, std::string>& options) {
    constexpr std::string_view kPrefix = "extension_";
    std::string text;
    for (const auto& [name, value] : options) {
      if (!name.starts_with(kPrefix)) continue;
      text += (text.empty() ? "" : ",") + name.substr(kPrefix.size()) + '=' + value;
    }
    return text;
  }

  // Replaces the names of Java's classes by the names of their protocols, which librdkafka uses.
  void TranslateAssignors() {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kClasses = {{
        {"RangeAssignor", "range"},
        {"RoundRobinAssignor", "roundrobin"},
        {"CooperativeStickyAssignor", "cooperative-sticky"},
    }};
    const std::string name = "partition.assignment.strategy";
    const Secret* value = Find(name);
    if (value == nullptr || value->Reveal().find("Assignor") == std::string::npos) return;
    std::string names;
    bool is_first_cooperative = false;
    for (const std::string& one : SplitList(value->Reveal())) {
      const auto* const known =
          std::find_if(kClasses.begin(), kClasses.end(),
                       [&](const auto& entry) { return entry.first == ClassName(one); });
      if (known == kClasses.end()) {
        Reject(name,
               "Supported assignors: RangeAssignor, RoundRobinAssignor and "
               "CooperativeStickyAssignor");
        return;
      }
      // Java's default lists eager and cooperative assignors, for a migration between them.
      // librdkafka accepts only one kind.
      const bool is_cooperative = known->second == "cooperative-sticky";
      if (names.empty()) is_first_cooperative = is_cooperative;
      if (is_cooperative != is_first_cooperative) continue;
      names += (names.empty() ? "" : ",") + std::string(known->second);
    }
    Set(name, Derived(*value, names), name);
  }

  void ValidateJavaValues() {
    // Java classes that would change records or credentials.
    constexpr std::array<std::pair<const char*, const char*>, 5> kClasses = {{
        {"interceptor.classes", "interceptors could change or hold back records"},
        {"sasl.client.callback.handler.class", "write sasl.username and sasl.password instead"},
        {"sasl.login.callback.handler.class", "write sasl.username and sasl.password instead"},
        {"sasl.login.class", "write sasl.username and sasl.password instead"},
        {"ssl.engine.factory.class", "write librdkafka's ssl.* properties instead"},
    }};
    for (const auto& [name, advice] : kClasses) {
      const Secret* value = Find(name);
      if (value == nullptr) continue;
      done_.insert(name);
      // Java's own, which does what the program does itself.
      const bool is_oauth = ClassName(value->Reveal()) == "OAuthBearerLoginCallbackHandler";
      if (!Trim(value->Reveal()).empty() && !is_oauth) {
        Reject(name, std::string("Java classes do not run here: ") + advice + ", or leave it out");
      }
    }
    for (const char* name : {"key.deserializer", "value.deserializer"}) {
      const Secret* value = Find(name);
      if (value == nullptr) continue;
      done_.insert(name);
      const std::string_view type = ClassName(value->Reveal());
      if (type != "ByteArrayDeserializer" && type != "StringDeserializer") {
        Reject(name,
               "Can only be ByteArrayDeserializer or StringDeserializer: the bytes of a record are "
               "sent unchanged; leave it out");
      }
    }
    ValidateTlsValues();
  }

  void ValidateTlsValues() {
    if (const Secret* value = Find("ssl.endpoint.identification.algorithm")) {
      const bool is_off = Trim(value->Reveal()).empty();
      Set("ssl.endpoint.identification.algorithm", is_off ? Derived(*value, "none") : *value,
          "ssl.endpoint.identification.algorithm");
    }
    if (const Secret* value = Find("ssl.enabled.protocols")) {
      done_.insert("ssl.enabled.protocols");
      const auto protocols = SplitList(value->Reveal());
      if (std::find(protocols.begin(), protocols.end(), "TLSv1.2") == protocols.end()) {
        Reject("ssl.enabled.protocols",
               "librdkafka offers TLS 1.2 and 1.3, and cannot be limited further: leave it out");
      }
    }
    const Secret* suites = Find("ssl.cipher.suites");
    if (suites != nullptr && suites->Reveal().find("TLS_") != std::string::npos) {
      Reject("ssl.cipher.suites",
             "Needs OpenSSL's names with colons between them, such as "
             "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256");
    }
  }

  const std::map<std::string, Secret>& written_;
  const PropertySource source_;
  const bool is_complete_;
  std::set<std::string> done_;  // keys of `written_`
  ClientProperties result_;
};

}  // namespace

std::string_view LibrdkafkaName(std::string_view name) {
  if (const JavaProperty* java = FindJavaProperty(name); java && !java->librdkafka.empty()) {
    return java->librdkafka;
  }
  const auto* const alias = std::find_if(kAliases.begin(), kAliases.end(),
                                         [name](const auto& entry) { return entry.first == name; });
  return alias == kAliases.end() ? name : alias->second;
}

ClientProperties ToLibrdkafka(const std::map<std::string, Secret>& written, PropertySource source,
                              bool is_complete) {
  return Translator(written, source, is_complete).Run();
}

}  // namespace khs::config
