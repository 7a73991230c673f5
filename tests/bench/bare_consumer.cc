// Reads a topic with librdkafka and does nothing with it: no consumer that uses librdkafka reads
// faster.
//
//   bare_consumer BOOTSTRAP TOPIC PARTITIONS WARM_UP RECORDS
//
// Reads WARM_UP records, then measures RECORDS more. Prints records per second, processor time
// (user and system) per record in microseconds, and peak memory in MiB.

#include <librdkafka/rdkafka.h>
#include <sys/resource.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

[[noreturn]] void Fail(const std::string& reason) {
  std::fprintf(stderr, "bare_consumer: %s\n", reason.c_str());
  std::exit(1);
}

void Set(rd_kafka_conf_t* conf, const char* key, const char* value) {
  std::array<char, 512> error{};
  if (rd_kafka_conf_set(conf, key, value, error.data(), error.size()) != RD_KAFKA_CONF_OK)
    Fail(error.data());
}

rd_kafka_t* Assign(const char* bootstrap, const char* topic, int partitions) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  Set(conf, "bootstrap.servers", bootstrap);
  Set(conf, "group.id", "bare-consumer");
  Set(conf, "enable.auto.commit", "false");
  std::array<char, 512> error{};
  rd_kafka_t* consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error.data(), error.size());
  if (consumer == nullptr) Fail(error.data());
  rd_kafka_poll_set_consumer(consumer);
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(partitions);
  for (int partition = 0; partition < partitions; ++partition) {
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
  }
  if (const auto code = rd_kafka_assign(consumer, list)) Fail(rd_kafka_err2str(code));
  rd_kafka_topic_partition_list_destroy(list);
  return consumer;
}

// Returns how many records were read: `wanted` or a few more.
long Read(rd_kafka_queue_t* queue, long wanted) {
  std::array<rd_kafka_message_t*, 1000> batch;
  long read = 0;
  while (read < wanted) {
    const auto count = rd_kafka_consume_batch_queue(queue, 30'000, batch.data(), batch.size());
    if (count <= 0) Fail("no record within 30 s, after " + std::to_string(read));
    for (ssize_t i = 0; i < count; ++i) {
      if (batch[static_cast<size_t>(i)]->err)
        Fail(rd_kafka_message_errstr(batch[static_cast<size_t>(i)]));
      rd_kafka_message_destroy(batch[static_cast<size_t>(i)]);
    }
    read += count;
  }
  return read;
}

rusage Usage() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage;
}

double Microseconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
}

double CpuMicroseconds() {
  const rusage usage = Usage();
  return Microseconds(usage.ru_utime) + Microseconds(usage.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) Fail("usage: bare_consumer BOOTSTRAP TOPIC PARTITIONS WARM_UP RECORDS");
  rd_kafka_t* consumer = Assign(argv[1], argv[2], std::atoi(argv[3]));
  rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(consumer);
  Read(queue, std::atol(argv[4]));
  const auto start = std::chrono::steady_clock::now();
  const double cpu = CpuMicroseconds();
  const auto records = static_cast<double>(Read(queue, std::atol(argv[5])));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("%.0f %.3f %.1f\n", records / took.count(), (CpuMicroseconds() - cpu) / records,
              static_cast<double>(Usage().ru_maxrss) / 1024);
  rd_kafka_queue_destroy(queue);
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
}
