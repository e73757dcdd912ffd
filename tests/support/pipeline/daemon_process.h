#pragma once
// DaemonProcess: the real usage-ingestd with a configuration of the test's.
//
// Owner         the test; destroyed with it, also when the test is killed.
// Errors        throws when it is not ready in time, with the end of its log.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/network/http_get.h"
#include "tests/support/temp_dir.h"

namespace usage_ingest::support {

struct DaemonOptions {
  std::string brokers = {};
  std::string conninfo = {};
  std::vector<std::string> topics = {"litellm.usage.v1"};
  std::string group = "usage-ingestd";
  // Over the defaults, by section: {{"batch", {{"rows_max", "500"}}}}. Values are TOML.
  std::map<std::string, std::map<std::string, std::string>> settings = {};
  std::map<std::string, std::string> kafka_properties = {};
  std::map<std::string, std::string> environment = {};
  std::vector<std::string> command_prefix = {};  // e.g. ip netns exec NAME
  std::string http_host = "127.0.0.1";
};

class DaemonProcess {
 public:
  explicit DaemonProcess(DaemonOptions options);
  ~DaemonProcess();
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;

  // `usage-ingestd --config FILE WORDS…`, to its end.
  [[nodiscard]] CommandResult Run(const std::vector<std::string>& words,
                                  std::chrono::seconds timeout = std::chrono::seconds(60)) const;

  // Returns at once; another command than `run` is for a test that kills it.
  void Start(const std::vector<std::string>& words = {"run"});
  void StartAndWait();  // … or when /readyz says 200
  void WaitReady(std::chrono::seconds timeout = std::chrono::seconds(120));
  [[nodiscard]] bool ready() const { return Get("/readyz").status == 200; }
  [[nodiscard]] bool running() { return process_ != nullptr && process_->running(); }

  void Signal(int signal) const { process_->Signal(signal); }
  void Kill();  // SIGKILL, and reaped
  // Its exit code; throws when it does not end in time.
  int WaitExit(std::chrono::seconds timeout = std::chrono::seconds(30));
  int Terminate() {
    Signal(SIGTERM);
    return WaitExit();
  }

  [[nodiscard]] HttpReply Get(const std::string& path) const {
    return HttpGet(http_port_, path, options_.http_host);
  }
  // The sum of a metric over its label sets that hold all of `labels` ('reason="memory"').
  [[nodiscard]] double Metric(const std::string& name,
                              const std::vector<std::string>& labels = {}) const;
  [[nodiscard]] std::int64_t ResidentBytes() const { return StatusBytes("VmRSS:"); }
  // The highest since it was started.
  [[nodiscard]] std::int64_t PeakResidentBytes() const { return StatusBytes("VmHWM:"); }

  [[nodiscard]] pid_t pid() const { return process_->pid(); }
  [[nodiscard]] const DaemonOptions& options() const noexcept { return options_; }
  [[nodiscard]] const std::filesystem::path& config_file() const noexcept { return config_file_; }
  [[nodiscard]] std::uint16_t http_port() const noexcept { return http_port_; }
  [[nodiscard]] std::string log() const { return ReadFile(files_.path() / "log"); }
  // Writes the file again, with changed settings; a running daemon sees it at SIGHUP.
  void Configure(const std::string& section, const std::string& key, const std::string& value);

 private:
  void WriteConfig() const;
  // A line of /proc/PID/status.
  [[nodiscard]] std::int64_t StatusBytes(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> Command() const;

  TempDir files_;
  DaemonOptions options_;
  std::uint16_t http_port_;
  std::filesystem::path config_file_;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace usage_ingest::support
