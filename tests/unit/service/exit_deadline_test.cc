#include "daemon/service/exit_deadline.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

namespace usage_ingest::service {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

// As a library that waits for a thread of its own.
void Hang() {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  never.wait(lock, [] { return false; });
}

TEST(ExitDeadlineTest, EndsAProcessThatHangs) {
  EXPECT_EXIT(
      {
        const ExitDeadline deadline(steady_clock::now() + 10ms, [] { std::_Exit(3); });
        Hang();
      },
      ::testing::ExitedWithCode(3), "");
}

TEST(ExitDeadlineTest, DoesNothingInTime) {
  bool ended = false;
  {
    const ExitDeadline deadline(steady_clock::now() + 1h, [&] { ended = true; });
  }
  EXPECT_FALSE(ended);
}

}  // namespace
}  // namespace usage_ingest::service
