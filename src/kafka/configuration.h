#pragma once

#include <librdkafka/rdkafka.h>

#include <string>

#include "kafka/client_log.h"
#include "kafka/handles.h"
#include "kafka/properties.h"
#include "task/record_source.h"

// How librdkafka clients are created. Private to the room.

namespace khs::kafka {

// Creates a configuration with the properties. Throws std::runtime_error with the message of the
// first property that librdkafka rejects, or that names a file which must not be opened.
ConfHandle MakeConfiguration(const Properties& properties);

// Creates a client, which the caller destroys. Throws std::system_error when the process cannot
// start enough threads, and std::runtime_error with librdkafka's message, redacted.
rd_kafka_t* NewClient(rd_kafka_type_t type, ConfHandle conf, const Redactor& redactor);

// Supplies a client with OAuth tokens, if its properties say so, until StopTokens or DestroyClient
// is called, or with those of other properties from now on. Throws std::runtime_error when no
// tokens can be obtained by the properties; a previous supply then continues.
void StartTokens(rd_kafka_t* client, const Properties& properties);
// To be called before a client is destroyed in another way than by DestroyClient.
void StopTokens(rd_kafka_t* client) noexcept;
// To be called with the errors of a client. Requests another token if brokers refuse its last one.
void OnClientError(rd_kafka_t* client, rd_kafka_resp_err_t code) noexcept;
// Prepares a configuration for StartTokens. Throws as ReadOAuthSettings.
void InstallOAuth(rd_kafka_conf_t* conf, const Properties& properties);

// Replaces the credentials of the client's SASL mechanism among its properties.
void ReplaceCredentials(Properties& properties, const task::Credentials& credentials);
// Uses the credentials among the properties for new connections. Returns the error, or an empty
// text. An OAuth token that the client has serves until there is one for the new credentials.
std::string RenewCredentials(rd_kafka_t* client, const Properties& properties);

// Creates a client that joins no group, with a connector's properties. Its errors are events of its
// main queue. The context outlives it. Throws as NewClient.
ClientHandle NewGrouplessClient(const ClientLogContext& log_context, Properties properties);

}  // namespace khs::kafka
