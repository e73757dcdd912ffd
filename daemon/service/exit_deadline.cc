#include "daemon/service/exit_deadline.h"

#include <utility>

namespace usage_ingest::service {

ExitDeadline::ExitDeadline(std::chrono::steady_clock::time_point deadline,
                           std::function<void()> end)
    : thread_([this, deadline, end = std::move(end)] {
        if (!in_time_.try_acquire_until(deadline)) end();
      }) {}

ExitDeadline::~ExitDeadline() { in_time_.release(); }

}  // namespace usage_ingest::service
