#pragma once
// Signals: SIGTERM and SIGINT drain, a second one ends at once, SIGHUP reloads.
//
// They arrive as events of main's io_context, so no handler runs in signal context. SIGPIPE is
// ignored: a client that went away is an error of a write.
//
// Owner         main.
#include <functional>
#include <memory>

namespace boost::asio {
class io_context;  // NOLINT(readability-identifier-naming): of Boost.Asio
}

namespace usage_ingest::service {

class Signals {
 public:
  struct Actions {
    std::function<void()> drain;
    std::function<void()> reload;
  };
  Signals(boost::asio::io_context& io, Actions actions);
  ~Signals();
  // Signals have their default effect again; the io_context's run() does not wait for any.
  void Stop();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace usage_ingest::service
