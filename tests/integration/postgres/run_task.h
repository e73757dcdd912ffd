#pragma once
// RunTask: a coroutine of ingest/postgres, to its end, on a thread that has nothing else to do.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "ingest/pipeline/task.h"

namespace usage_ingest::postgres {

template <class T>
T RunTask(boost::asio::io_context& io, pipeline::Task<T> task) {
  std::optional<T> answer;
  boost::asio::co_spawn(io, std::move(task), [&](const std::exception_ptr& bug, T result) {
    if (bug) std::rethrow_exception(bug);
    answer = std::move(result);
  });
  io.restart();
  io.run();
  return std::move(*answer);
}

}  // namespace usage_ingest::postgres
