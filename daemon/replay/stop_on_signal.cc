#include "daemon/replay/stop_on_signal.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "daemon/text/print_problems.h"
#include "daemon/text/user_error.h"

namespace usage_ingest::replay {
namespace {

// No destructor runs: threads are in the middle of their work.
[[noreturn]] void EndByForce() {
  text::PrintProblem({.what = "interrupted: what did not end in time is rolled back",
                      .where = {},
                      .fix = "run it again"},
                     std::cerr);
  std::_Exit(text::ToInt(text::ExitCode::kInterrupted));
}

}  // namespace

struct StopOnSignal::Impl {
  std::stop_source source;
  boost::asio::io_context io{1};
  boost::asio::signal_set signals{io, SIGINT, SIGTERM};
  boost::asio::steady_timer deadline{io};
  std::jthread thread;
};

StopOnSignal::StopOnSignal() : impl_(std::make_unique<Impl>()) {
  impl_->signals.async_wait([impl = impl_.get()](const boost::system::error_code& cancelled, int) {
    if (cancelled) return;
    impl->signals.clear();
    impl->deadline.expires_after(kEndMax);
    impl->deadline.async_wait([](const boost::system::error_code& ended) {
      if (!ended) EndByForce();
    });
    impl->source.request_stop();
  });
  impl_->thread = std::jthread([impl = impl_.get()] { impl->io.run(); });
}

StopOnSignal::~StopOnSignal() { impl_->io.stop(); }

std::stop_token StopOnSignal::token() const { return impl_->source.get_token(); }

}  // namespace usage_ingest::replay
