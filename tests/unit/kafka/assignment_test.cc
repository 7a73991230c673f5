#include "kafka/assignment.h"

#include <gtest/gtest.h>

#include "kafka/redactor.h"

namespace khs::kafka {
namespace {

ClientHandle NewGroupMember() {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", "127.0.0.1:1", nullptr, 0);
  rd_kafka_conf_set(conf, "group.id", "g", nullptr, 0);
  return ClientHandle(rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0));
}

// A revocation may be queued while the client leaves, for example when its broker dies.
TEST(Assignment, RemovesPartitionsAfterTheClientHasLeftItsGroup) {
  const ClientHandle client = NewGroupMember();
  ASSERT_TRUE(client);
  const QueueHandle events(rd_kafka_queue_get_consumer(client.get()));
  RecordQueues records(client.get(), events.get(), 1 << 20);
  const Redactor redactor({});
  Assignment assignment(client.get(), records, redactor);
  assignment.Add({{"t", 0}, {"t", 1}}, {{{"t", 0}, 0}, {{"t", 1}, 0}});
  ASSERT_EQ(rd_kafka_consumer_close(client.get()), RD_KAFKA_RESP_ERR_NO_ERROR);

  EXPECT_FALSE(assignment.cooperative());
  EXPECT_EQ(assignment.Remove({{"t", 0}}), "");
  EXPECT_FALSE(assignment.contains({"t", 0}));
  EXPECT_TRUE(assignment.contains({"t", 1}));
}

}  // namespace
}  // namespace khs::kafka
