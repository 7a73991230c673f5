#include "kafka/workarounds/client_destruction.h"

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <future>
#include <system_error>
#include <thread>
#include <utility>

#include "kafka/client_log.h"

namespace khs::kafka {
namespace {

std::atomic<int> undestroyed{0};

}  // namespace

void DestroyWithin(std::chrono::milliseconds timeout, std::function<void()> destroy,
                   const ClientOwner& owner) {
  ++undestroyed;
  try {
    std::packaged_task<void()> task([destroy = std::move(destroy)] {
      destroy();
      --undestroyed;
    });
    const std::future<void> done = task.get_future();
    std::thread thread(std::move(task));
    if (done.wait_for(timeout) == std::future_status::ready) {
      thread.join();
      return;
    }
    thread.detach();
    if (timeout.count() == 0) return;
    Log().Warn("destroying the Kafka client timed out, continuing without waiting",
               {{"connector", owner.connector},
                {"task", owner.task},
                {"librdkafka", rd_kafka_version_str()}});
  } catch (const std::system_error& error) {
    Log().Warn("cannot destroy the Kafka client",
               {{"connector", owner.connector}, {"task", owner.task}, {"error", error.what()}});
  }
}

void CountLeakedClient() { ++undestroyed; }

int CountUndestroyedClients() { return undestroyed; }

}  // namespace khs::kafka
