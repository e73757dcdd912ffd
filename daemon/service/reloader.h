#pragma once
// Reloader: SIGHUP. Reads the configuration again and takes over what can change at run time.
//
// A file with a mistake changes nothing: the daemon goes on with what it has and says why.
//
// Owner         main's thread.
#include <functional>

#include "daemon/config/config.h"
#include "daemon/config/config_load.h"

namespace usage_ingest::service {

class Reloader {
 public:
  Reloader(config::Config running, std::function<config::LoadedConfig()> load);
  void Reload();

 private:
  config::Config running_;
  std::function<config::LoadedConfig()> load_;
};

}  // namespace usage_ingest::service
