#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "kafka/consumer.h"

// Ends like the program: clients that are still being destroyed may write to the log, which no
// longer exists after main has returned.
int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const int code = RUN_ALL_TESTS();
  for (int i = 0; i < 500 && khs::kafka::Consumer::CountUndestroyed() > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  if (khs::kafka::Consumer::CountUndestroyed() > 0) std::_Exit(code);
  return code;
}
