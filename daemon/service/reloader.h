#pragma once
// Reloader: on SIGHUP, reads the configuration again and applies what can change at run time.
//
// A file with an error changes nothing: the daemon keeps its configuration and logs the error.
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
