#include "daemon/service/signals.h"

#include <spdlog/spdlog.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdlib>
#include <utility>

namespace usage_ingest::service {
namespace {

// What a shell reports of a process that a signal ended.
constexpr int kSignalExitBase = 128;

}  // namespace

struct Signals::Impl : std::enable_shared_from_this<Impl> {
  Impl(boost::asio::io_context& io, Actions given)
      : set(io, SIGTERM, SIGINT, SIGHUP), actions(std::move(given)) {}

  void Wait() {
    set.async_wait([self = shared_from_this()](const boost::system::error_code& error, int number) {
      // Both: a signal that has come already cannot be cancelled.
      if (error || self->stopped) return;
      self->Handle(number);
      self->Wait();
    });
  }

  void Handle(int number) {
    if (number == SIGHUP) {
      if (!draining) actions.reload();
      return;
    }
    if (draining) {
      spdlog::warn("second signal: ending at once; what is not committed is read again from Kafka");
      // No destructor runs: threads are in the middle of their work, and that is safe to lose.
      std::_Exit(kSignalExitBase + number);
    }
    draining = true;
    spdlog::info("{}: finishing the running transactions", number == SIGINT ? "SIGINT" : "SIGTERM");
    actions.drain();
  }

  boost::asio::signal_set set;
  Actions actions;
  bool draining = false;
  bool stopped = false;
};

Signals::Signals(boost::asio::io_context& io, Actions actions)
    : impl_(std::make_shared<Impl>(io, std::move(actions))) {
  std::signal(SIGPIPE, SIG_IGN);
  impl_->Wait();
}

Signals::~Signals() { Stop(); }

void Signals::Stop() {
  impl_->stopped = true;
  boost::system::error_code ignored;  // ignored because a set that cannot be cleared is empty
  impl_->set.clear(ignored);
  impl_->set.cancel(ignored);
}

}  // namespace usage_ingest::service
