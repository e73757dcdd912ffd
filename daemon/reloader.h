#pragma once
// Reloader: SIGHUP. Reads the configuration again and takes over what can change at run time.
//
// A file with a mistake changes nothing: the daemon goes on with what it has and says why.
//
// Owner         main's thread.
#include <functional>

#include "daemon/config.h"
#include "daemon/config_load.h"

namespace usage_ingest::daemon {

class Reloader {
 public:
  Reloader(Config running, std::function<LoadedConfig()> load);
  void Reload();
  [[nodiscard]] const Config& running() const { return running_; }

 private:
  Config running_;
  std::function<LoadedConfig()> load_;
};

}  // namespace usage_ingest::daemon
