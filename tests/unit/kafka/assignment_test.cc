#include "kafka/assignment.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>

#include "kafka/redactor.h"

namespace khs::kafka {
namespace {

// Without NO_CONSUMER_CLOSE the destruction may wait for ever once the client has left its group.
struct DestroyMember {
  void operator()(rd_kafka_t* client) const {
    rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  }
};
using MemberHandle = std::unique_ptr<rd_kafka_t, DestroyMember>;

MemberHandle NewGroupMember() {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", "127.0.0.1:1", nullptr, 0);
  rd_kafka_conf_set(conf, "group.id", "g", nullptr, 0);
  return MemberHandle(rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0));
}

void LeaveGroup(rd_kafka_t* member, rd_kafka_queue_t* events) {
  const ErrorHandle failed(rd_kafka_consumer_close_queue(member, events));
  ASSERT_FALSE(failed) << rd_kafka_error_string(failed.get());
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (rd_kafka_consumer_closed(member) == 0 && std::chrono::steady_clock::now() < end) {
    const EventHandle event(rd_kafka_queue_poll(events, 10));
    if (event && rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_REBALANCE) {
      rd_kafka_assign(member, nullptr);
    }
  }
}

// A revocation may be queued while the client leaves, for example when its broker dies.
TEST(Assignment, RemovesPartitionsAfterTheClientHasLeftItsGroup) {
  const MemberHandle client = NewGroupMember();
  ASSERT_TRUE(client);
  const QueueHandle events(rd_kafka_queue_get_consumer(client.get()));
  RecordQueues records(client.get(), events.get(), 1 << 20);
  const Redactor redactor({});
  Assignment assignment(client.get(), records, redactor);
  assignment.Add({{"t", 0}, {"t", 1}}, {{{"t", 0}, 0}, {{"t", 1}, 0}});
  LeaveGroup(client.get(), events.get());
  ASSERT_NE(rd_kafka_consumer_closed(client.get()), 0);

  EXPECT_FALSE(assignment.cooperative());
  EXPECT_EQ(assignment.Remove({{"t", 0}}), "");
  EXPECT_FALSE(assignment.contains({"t", 0}));
  EXPECT_TRUE(assignment.contains({"t", 1}));
}

}  // namespace
}  // namespace khs::kafka
