// The table of the keys of other connectors.
//
// Confluent's connectors are closed source: their keys and defaults are those of their reference
// and of published definitions. Aiven's and Lenses' are those of their source.
#include "config/foreign_connector.h"
#include "config/foreign_values.h"

namespace khs::config {
namespace {

constexpr std::string_view kOneRecord = "each request has one record";
constexpr std::string_view kOneInArray =
    "each request has one record; a template sends it as a list of one: callback.request.body = "
    "\"[{{value}}]\"";
constexpr std::string_view kFewBatches = "it is about batches, and each request has one record";
constexpr std::string_view kUnchanged =
    "nothing is converted here: the record's bytes are sent as they are";
constexpr std::string_view kTopicTemplates =
    "${topic}, ${key} and ${field} are {{topic}}, {{key}} and {{value.field}} in it";
constexpr std::string_view kPemCa = "it takes PEM, no Java keystore";
constexpr std::string_view kPemCertificate =
    "it takes PEM, no Java keystore, and ssl.key.location the private key";
constexpr std::string_view kStore = "it belongs to the keystore";
constexpr std::string_view kVersions = "TLS 1.2 and 1.3 are offered";
constexpr std::string_view kCiphers = "the cipher suites of OpenSSL's defaults are offered";
constexpr std::string_view kTls = "it is about Java's TLS, and OpenSSL is used here";
constexpr std::string_view kHostNames =
    "none accepts every certificate, not only one of another host";
constexpr std::string_view kResponses = "responses are not written to a topic";
constexpr std::string_view kErrors = "it takes the records that are dropped";
constexpr std::string_view kReporter = "it belongs to the reporter of responses";
constexpr std::string_view kLicence = "no licence is needed";
constexpr std::string_view kBroker =
    "the broker's user and password are kafka.sasl.username and kafka.sasl.password of "
    "sidecar.toml";
constexpr std::string_view kSchemas = "it is about schemas, and nothing is converted here";
constexpr std::string_view kPolling = "polling goes on while a record waits";
constexpr std::string_view kReadAhead = "delivery.queue.max.bytes bounds what is read ahead";
constexpr std::string_view kTokenHeaders = "requests for a token have no headers of their own";
constexpr std::string_view kAssertion =
    "client_assertion goes there, from a file, beside oauth2.client.auth.mode = \"none\"";

// Keys that every connector of Kafka Connect may have.
const ForeignKey kConnectKeys[] = {
    {"connector.class", "", TranslateElsewhere, "it is HttpSink here"},
    {"topics.regex", "topics.regex", TranslateTopicsRegex, "POSIX's, not Java's"},
    {"key.converter", "", TranslateConverter, kUnchanged},
    {"value.converter", "", TranslateConverter, kUnchanged},
    {"header.converter", "", TranslateConverter, kUnchanged},
    {"key.converter.*", "", TranslateLeftOut, "it belongs to the converter"},
    {"value.converter.*", "", TranslateLeftOut, "it belongs to the converter"},
    {"header.converter.*", "", TranslateLeftOut, "it belongs to the converter"},
    {"transforms", "", TranslateLost, "transforms are not supported"},
    {"transforms.*", "", TranslateLost, "transforms are not supported"},
    {"predicates", "", TranslateLost, "predicates are not supported"},
    {"predicates.*", "", TranslateLost, "predicates are not supported"},
};

// Confluent's self-managed sink, and the first one of Confluent Cloud.
const ForeignKey kConfluentKeys[] = {
    {"http.api.url", "callback.request.url", TranslateUrl, kTopicTemplates},
    {"request.method", "callback.request.method", TranslateCopy},
    {"headers", "callback.request.headers", TranslateHeaders},
    {"sensitive.headers", "callback.request.headers", TranslateHeaders},
    {"header.separator", "callback.header.separator", TranslateElsewhere},
    {"request.body.format", "", TranslateBodyFormat, kUnchanged},
    {"http.connect.timeout.ms", "callback.timeout.connect.ms", TranslateCopy, "", "30000"},
    {"http.request.timeout.ms", "callback.timeout.read.ms", TranslateCopy, "", "30000"},
    {"behavior.on.null.values", "behavior.on.null.values", TranslateNullValues, "", "ignore"},
    {"max.retries", "max.retries", TranslateCopy, "", "5"},
    {"retry.backoff.ms", "retry.backoff.ms", TranslateDelay, "", "3000"},
    {"retry.backoff.policy", "retry.backoff.policy", TranslateCopy},
    {"retry.on.status.codes", "retry.on.status.codes", TranslateStatusCodes, "", "400-", true},
    {"batch.max.size", "", TranslateBatchSize, kOneRecord},
    {"batch.json.as.array", "", TranslateLostIfTrue, kOneInArray},
    {"batch.prefix", "", TranslateLost, kOneInArray},
    {"batch.suffix", "", TranslateLost, kOneInArray},
    {"batch.separator", "", TranslateLeftOut, kFewBatches},
    {"batch.key.pattern", "", TranslateLeftOut, kFewBatches},
    {"regex.patterns", "callback.request.body", TranslateLost, "it makes a text of fields"},
    {"regex.replacements", "", TranslateLeftOut, "it belongs to regex.patterns"},
    {"regex.separator", "", TranslateLeftOut, "it belongs to regex.patterns"},
};

// Confluent Cloud's second sink: a base URL, and several APIs below it.
const ForeignKey kConfluentV2Keys[] = {
    {"http.api.base.url", "callback.request.url", TranslateBaseUrl, kTopicTemplates},
    {"api1.http.api.path", "callback.request.url", TranslateElsewhere, kTopicTemplates},
    {"api1.http.request.parameters", "callback.request.url", TranslateElsewhere, kTopicTemplates},
    {"api1.http.request.parameters.separator", "callback.request.url", TranslateElsewhere,
     "its query has &"},
    {"api1.http.path.parameters", "callback.request.url", TranslateLost,
     "write {{value.field}} for {parameter}"},
    {"api1.http.path.parameters.separator", "", TranslateLeftOut,
     "it belongs to api1.http.path.parameters"},
    {"topics", "topics", TranslateCopy},
    {"api1.topics", "topics", TranslateCopy},
    {"api1.http.request.method", "callback.request.method", TranslateCopy},
    {"api1.http.request.headers", "callback.request.headers", TranslateHeaders},
    {"api1.http.request.sensitive.headers", "callback.request.headers", TranslateHeaders},
    {"api1.http.request.headers.separator", "callback.header.separator", TranslateElsewhere},
    {"api1.http.request.body", "callback.request.body", TranslateLost,
     "fields are {{value.field}} in it"},
    {"api1.request.body.format", "", TranslateBodyFormat, kUnchanged},
    {"api1.http.connect.timeout.ms", "callback.timeout.connect.ms", TranslateCopy, "", "30000"},
    {"api1.http.request.timeout.ms", "callback.timeout.read.ms", TranslateCopy, "", "30000"},
    {"api1.behavior.on.null.values", "behavior.on.null.values", TranslateNullValues, "", "ignore"},
    {"api1.max.retries", "max.retries", TranslateCopy, "", "5"},
    {"api1.retry.backoff.ms", "retry.backoff.ms", TranslateDelay, "", "3000"},
    {"api1.retry.backoff.policy", "retry.backoff.policy", TranslateCopy, "",
     "EXPONENTIAL_WITH_JITTER"},
    {"api1.retry.on.status.codes", "retry.on.status.codes", TranslateStatusCodes, "", "400-", true},
    {"api1.max.batch.size", "", TranslateBatchSize, kOneRecord},
    {"api1.batch.json.as.array", "", TranslateLostIfTrue, kOneInArray},
    {"api1.batch.prefix", "", TranslateLost, kOneInArray},
    {"api1.batch.suffix", "", TranslateLost, kOneInArray},
    {"api1.batch.separator", "", TranslateLeftOut, kFewBatches},
    {"api1.batch.key.pattern", "", TranslateLeftOut, kFewBatches},
    {"api1.regex.patterns", "callback.request.body", TranslateLost, "it makes a text of fields"},
    {"api1.regex.replacements", "", TranslateLeftOut, "it belongs to api1.regex.patterns"},
    {"api1.regex.separator", "", TranslateLeftOut, "it belongs to api1.regex.patterns"},
    {"api1.test.api", "", TranslateLeftOut, "check validates a definition without the endpoint"},
    {"apis.num", "", TranslateBatchSize, "each API is a connector of its own"},
    {"use.open.api.spec", "", TranslateLeftOut, "no OpenAPI document is read"},
    {"api2.*", "", TranslateLost, "each API is a connector of its own"},
    {"api3.*", "", TranslateLost, "each API is a connector of its own"},
    {"api4.*", "", TranslateLost, "each API is a connector of its own"},
    {"api5.*", "", TranslateLost, "each API is a connector of its own"},
};

// Keys of all of Confluent's sinks.
const ForeignKey kConfluentCommonKeys[] = {
    {"behavior.on.error", "exception.strategy", TranslateErrorBehavior,
     "it says what follows an error", "fail"},
    {"auth.type", "auth.type", TranslateAuthType},
    {"connection.user", "connection.user", TranslateCredential},
    {"connection.password", "connection.password", TranslateCredential},
    {"bearer.token", "bearer.token", TranslateCredential},
    {"api.key.name", "api.key.name", TranslateCredential},
    {"api.key.value", "api.key.value", TranslateCredential},
    {"api.key.location", "api.key.location", TranslateCredential},
    {"oauth2.token.url", "oauth2.token.url", TranslateCredential},
    {"oauth2.client.id", "oauth2.client.id", TranslateCredential},
    {"oauth2.client.secret", "oauth2.client.secret", TranslateCredential},
    {"oauth2.client.scope", "oauth2.client.scope", TranslateCredential, "", "any", true},
    {"oauth2.client.auth.mode", "oauth2.client.auth.mode", TranslateAuthMode, "", "header"},
    {"oauth2.token.property", "oauth2.token.property", TranslateCredential},
    {"oauth2.client.headers", "", TranslateLost, kTokenHeaders},
    {"oauth2.client.header.separator", "", TranslateLeftOut, "it belongs to oauth2.client.headers"},
    {"oauth2.jwt.enabled", "oauth2.token.params", TranslateLostIfTrue, kAssertion},
    {"oauth2.jwt.*", "", TranslateLeftOut, "it belongs to oauth2.jwt.enabled"},
    {"http.proxy.host", "http.proxy.host", TranslateCopy},
    {"http.proxy.port", "http.proxy.port", TranslateProxy},
    {"http.proxy.user", "http.proxy.user", TranslateCopy},
    {"http.proxy.password", "http.proxy.password", TranslateCopy},
    {"ssl.enabled", "callback.request.url", TranslateLeftOut, "https:// says it"},
    {"https.ssl.truststore.location", "ssl.ca.location", TranslateTrustStore, kPemCa},
    {"https.ssl.truststore.certificates", "ssl.ca.location", TranslateLost, "it names a file"},
    {"https.ssl.truststorefile", "ssl.ca.location", TranslateLost, kPemCa},
    {"https.ssl.truststore.*", "", TranslateLeftOut, kStore},
    {"https.ssl.keystore.location", "ssl.certificate.location", TranslateKeyStore, kPemCertificate},
    {"https.ssl.keystore.key", "ssl.key.location", TranslateLost, "it names a file"},
    {"https.ssl.keystore.certificate.chain", "ssl.certificate.location", TranslateLost,
     "it names a file"},
    {"https.ssl.keystorefile", "ssl.certificate.location", TranslateLost, kPemCertificate},
    {"https.ssl.keystore.*", "", TranslateLeftOut, kStore},
    {"https.ssl.key.password", "ssl.key.password", TranslateKeyPassword},
    {"https.ssl.endpoint.identification.algorithm", "ssl.verification", TranslateIdentification,
     kHostNames, std::nullopt, true},
    {"https.ssl.protocol", "", TranslateLeftOut, kVersions},
    {"https.ssl.enabled.protocols", "", TranslateLeftOut, kVersions},
    {"https.ssl.cipher.suites", "", TranslateLeftOut, kCiphers},
    {"https.ssl.*", "", TranslateLeftOut, kTls},
    {"https.host.verifier.enabled", "ssl.verification", TranslateHostVerifier, kHostNames},
    {"reporter.result.topic.name", "", TranslateLost, kResponses},
    {"reporter.error.topic.name", "errors.deadletterqueue.topic.name", TranslateLost, kErrors},
    {"reporter.bootstrap.servers", "", TranslateReporter, kReporter},
    {"reporter.*", "", TranslateLeftOut, kReporter},
    {"report.errors.as", "", TranslateLeftOut, kReporter},
    {"confluent.license", "", TranslateLeftOut, kLicence},
    {"confluent.topic.*", "", TranslateLeftOut, kLicence},
    {"confluent.license.*", "", TranslateLeftOut, kLicence},
    {"kafka.auth.mode", "", TranslateLeftOut, kBroker},
    {"kafka.api.key", "", TranslateLeftOut, kBroker},
    {"kafka.api.secret", "", TranslateLeftOut, kBroker},
    {"kafka.service.account.id", "", TranslateLeftOut, kBroker},
    {"kafka.endpoint", "", TranslateLeftOut,
     "the brokers are kafka.bootstrap.servers of sidecar.toml"},
    {"kafka.region", "", TranslateLeftOut,
     "the brokers are kafka.bootstrap.servers of sidecar.toml"},
    {"input.data.format", "", TranslateDataFormat, kUnchanged},
    {"input.key.format", "", TranslateDataFormat, kUnchanged},
    {"schema.context.name", "", TranslateLeftOut, kSchemas},
    {"key.subject.name.strategy", "", TranslateLeftOut, kSchemas},
    {"value.subject.name.strategy", "", TranslateLeftOut, kSchemas},
    {"csfle.enabled", "", TranslateLostIfTrue, "fields are not decrypted"},
    {"max.poll.interval.ms", "", TranslateLeftOut, kPolling},
    {"max.poll.records", "", TranslateLeftOut, kReadAhead},
    {"auto.restart.on.user.error", "", TranslateLeftOut,
     "a stopped connector is restarted by REST or by a changed definition"},
    {"cloud.environment", "", TranslateLeftOut, "it is about Confluent Cloud"},
    {"cloud.provider", "", TranslateLeftOut, "it is about Confluent Cloud"},
};

const ForeignKey kAivenKeys[] = {
    {"http.url", "callback.request.url", TranslateUrl},
    {"http.authorization.type", "auth.type", TranslateAuthType,
     "static is an Authorization in callback.request.headers"},
    {"http.headers.authorization", "callback.request.headers", TranslateAuthorization,
     "as Authorization"},
    {"http.headers.content.type", "callback.request.headers", TranslateContentType,
     "as Content-Type"},
    {"http.headers.additional", "callback.request.headers", TranslateHeaders},
    {"oauth2.access.token.url", "oauth2.token.url", TranslateCredential},
    {"oauth2.client.id", "oauth2.client.id", TranslateCredential},
    {"oauth2.client.secret", "oauth2.client.secret", TranslateCredential},
    {"oauth2.client.scope", "oauth2.client.scope", TranslateCredential},
    {"oauth2.client.authorization.mode", "oauth2.client.auth.mode", TranslateAuthMode, "",
     "header"},
    {"oauth2.response.token.property", "oauth2.token.property", TranslateCredential},
    {"oauth2.token.renew.on.status.codes", "oauth2.token.renew.on.status.codes",
     TranslateCredential},
    {"oauth2.grant.type", "oauth2.token.params", TranslateLostUnlessDefault, "as grant_type",
     "client_credentials"},
    {"oauth2.request.grant.type.property", "oauth2.token.params", TranslateLostUnlessDefault, "",
     "grant_type"},
    {"oauth2.request.client.id.property", "oauth2.token.params", TranslateLostUnlessDefault, "",
     "client_id"},
    {"oauth2.request.client.secret.property", "oauth2.token.params", TranslateLostUnlessDefault, "",
     "client_secret"},
    {"http.timeout", "callback.timeout.read.ms", TranslateSeconds,
     "in milliseconds, not in seconds", "30"},
    {"http.proxy.host", "http.proxy.host", TranslateCopy},
    {"http.proxy.port", "http.proxy.port", TranslateProxy},
    {"http.ssl.truststore.location", "ssl.ca.location", TranslateLost, kPemCa},
    {"http.ssl.truststore.password", "", TranslateLeftOut, kStore},
    {"http.ssl.trust.all.certs", "ssl.verification", TranslateTrustAll, "true is none"},
    {"errors.tolerance", "exception.strategy", TranslateErrorTolerance, "", "none"},
    {"max.retries", "max.retries", TranslateCopy, "", "1"},
    {"retry.backoff.ms", "retry.backoff.ms", TranslateDelay, "", "3000"},
    {"kafka.retry.backoff.ms", "", TranslateLost,
     "Kafka Connect delivers the records again without end; max.retries bounds it here"},
    {"batching.enabled", "", TranslateLostIfTrue, kOneRecord},
    {"batch.*", "", TranslateLeftOut, kFewBatches},
    {"max.outstanding.records", "", TranslateLeftOut, kReadAhead},
    {"decimal.format", "", TranslateLeftOut, kUnchanged},
};

const ForeignKey kLensesKeys[] = {
    {"connect.http.endpoint", "callback.request.url", TranslateUrl},
    {"connect.http.method", "callback.request.method", TranslateCopy},
    {"connect.http.request.headers", "callback.request.headers", TranslateHeaders},
    {"connect.http.copy.message.headers", "forward.kafka.headers", TranslateCopy},
    {"connect.http.request.content", "callback.request.body", TranslateContent},
    {"connect.http.config", "", TranslateLost,
     "its JSON is of an old version: write its parts as connect.http.endpoint and so on"},
    {"connect.http.null.payload.handler", "callback.request.body", TranslateElsewhere,
     "write {{value.field:-text}} for a text in place of null"},
    {"connect.http.null.payload.handler.custom", "callback.request.body", TranslateElsewhere,
     "write {{value.field:-text}} for a text in place of null"},
    {"connect.http.json.tidy", "callback.request.body", TranslateElsewhere, kOneRecord},
    {"connect.http.connection.timeout.ms", "callback.timeout.connect.ms", TranslateCopy, "",
     "10000"},
    {"connect.http.retry.mode", "retry.backoff.policy", TranslateRetryMode,
     "fixed is CONSTANT_VALUE, exponential is EXPONENTIAL_WITH_JITTER", "exponential"},
    {"connect.http.retry.fixed.interval.ms", "retry.backoff.ms", TranslateElsewhere},
    {"connect.http.retries.max.timeout.ms", "retry.backoff.max.ms", TranslateElsewhere},
    {"connect.http.retries.max.retries", "max.retries", TranslateCopy, "", "5"},
    {"connect.http.retries.on.status.codes", "retry.on.status.codes", TranslateStatusCodes, "",
     "408,429,500,502,503,504", true},
    {"connect.http.error.threshold", "exception.strategy", TranslateErrorThreshold,
     "it says what follows an error", "5"},
    {"connect.http.authentication.type", "auth.type", TranslateAuthType},
    {"connect.http.authentication.basic.username", "connection.user", TranslateCredential},
    {"connect.http.authentication.basic.password", "connection.password", TranslateCredential},
    {"connect.http.authentication.oauth2.token.url", "oauth2.token.url", TranslateCredential},
    {"connect.http.authentication.oauth2.client.id", "oauth2.client.id", TranslateCredential},
    {"connect.http.authentication.oauth2.client.secret", "oauth2.client.secret",
     TranslateCredential},
    {"connect.http.authentication.oauth2.client.scope", "oauth2.client.scope", TranslateCredential,
     "", "any", true},
    {"connect.http.authentication.oauth2.token.property", "oauth2.token.property",
     TranslateCredential},
    {"connect.http.authentication.oauth2.client.headers", "", TranslateLost, kTokenHeaders},
    {"connect.http.authentication.oauth2.client.headers.separator", "", TranslateLeftOut,
     "it belongs to connect.http.authentication.oauth2.client.headers"},
    {"connect.http.batch.count", "", TranslateBatchSize, kOneRecord},
    {"connect.http.batch.size", "", TranslateBatchBound, kOneRecord},
    {"connect.http.time.interval", "", TranslateBatchBound, kOneRecord},
    {"connect.http.upload.sync.period", "", TranslateLeftOut, kFewBatches},
    {"connect.http.max.queue.size", "", TranslateLeftOut, kReadAhead},
    {"connect.http.max.queue.offer.timeout.ms", "", TranslateLeftOut, kPolling},
    {"connect.http.task.number", "", TranslateLeftOut, "it is internal"},
    {"connect.reporting.error.config.enabled", "errors.deadletterqueue.topic.name",
     TranslateLostIfTrue, kErrors},
    {"connect.reporting.success.config.enabled", "", TranslateLostIfTrue, kResponses},
    {"connect.reporting.*", "", TranslateLeftOut, kReporter},
    {"ssl.truststore.location", "ssl.ca.location", TranslateTrustStore, kPemCa},
    {"ssl.keystore.location", "ssl.certificate.location", TranslateKeyStore, kPemCertificate},
    {"ssl.truststore.*", "", TranslateLeftOut, kStore},
    {"ssl.keystore.*", "", TranslateLeftOut, kStore},
    {"ssl.key.password", "ssl.key.password", TranslateKeyPassword},
    {"ssl.endpoint.identification.algorithm", "ssl.verification", TranslateIdentification,
     kHostNames, std::nullopt, true},
    {"ssl.protocol", "", TranslateLeftOut, kVersions},
    {"ssl.enabled.protocols", "", TranslateLeftOut, kVersions},
    {"ssl.cipher.suites", "", TranslateLeftOut, kCiphers},
    {"ssl.provider", "", TranslateLeftOut, kTls},
    {"ssl.secure.random.implementation", "", TranslateLeftOut, kTls},
    {"ssl.keymanager.algorithm", "", TranslateLeftOut, kTls},
    {"ssl.trustmanager.algorithm", "", TranslateLeftOut, kTls},
};

}  // namespace

std::vector<std::span<const ForeignKey>> ForeignKeys(ForeignKind kind) {
  switch (kind) {
    case ForeignKind::kConfluent:
      return {kConfluentKeys, kConfluentCommonKeys, kConnectKeys};
    case ForeignKind::kConfluentV2:
      return {kConfluentV2Keys, kConfluentCommonKeys, kConnectKeys};
    case ForeignKind::kAiven:
      return {kAivenKeys, kConnectKeys};
    case ForeignKind::kLenses:
      return {kLensesKeys, kConnectKeys};
  }
  return {};
}

}  // namespace khs::config
