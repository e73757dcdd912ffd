#pragma once
// Heartbeat: feeds systemd's watchdog as long as the pipeline moves, and says in STATUS= how.
//
// A timer that fed it by itself would only prove that the timer lives; `alive` asks the pipeline. A
// daemon that waits for PostgreSQL or Kafka is alive: restarting it would mend nothing.
//
// Owner         main; a timer on its io_context.
#include <functional>
#include <memory>
#include <string>

namespace boost::asio {
class io_context;
}

namespace usage_ingest::daemon {

class Heartbeat {
 public:
  struct Sources {
    std::function<bool()> alive;  // since it was asked last
    std::function<std::string()> status_line;
  };
  Heartbeat(boost::asio::io_context& io, Sources sources);
  ~Heartbeat();
  void Start();
  void Stop();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace usage_ingest::daemon
