#include "daemon/replay/stop_on_signal.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <thread>

namespace usage_ingest::replay {

struct StopOnSignal::Impl {
  std::stop_source source;
  boost::asio::io_context io{1};
  boost::asio::signal_set signals{io, SIGINT, SIGTERM};
  std::jthread thread;
};

StopOnSignal::StopOnSignal() : impl_(std::make_unique<Impl>()) {
  impl_->signals.async_wait([impl = impl_.get()](const boost::system::error_code& cancelled, int) {
    if (!cancelled) impl->source.request_stop();
    impl->signals.clear();
  });
  impl_->thread = std::jthread([impl = impl_.get()] { impl->io.run(); });
}

StopOnSignal::~StopOnSignal() { impl_->io.stop(); }

std::stop_token StopOnSignal::token() const { return impl_->source.get_token(); }

}  // namespace usage_ingest::replay
