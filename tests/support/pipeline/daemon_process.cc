#include "tests/support/pipeline/daemon_process.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "tests/support/network/free_port.h"

namespace usage_ingest::support {
namespace {

std::string Quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

std::string List(const std::vector<std::string>& texts) {
  std::string result;
  for (const std::string& text : texts) result += (result.empty() ? "" : ", ") + Quoted(text);
  return "[" + result + "]";
}

std::string LastLines(const std::string& text) {
  constexpr std::size_t kBytes = 6000;
  return text.size() <= kBytes ? text : "…" + text.substr(text.size() - kBytes);
}

}  // namespace

DaemonProcess::DaemonProcess(DaemonOptions options)
    : options_(std::move(options)),
      http_port_(FreePort()),
      config_file_(files_.path() / "usage-ingestd.toml") {
  WriteConfig();
}

DaemonProcess::~DaemonProcess() = default;

void DaemonProcess::WriteConfig() const {
  auto sections = options_.settings;
  sections["kafka"].insert({{"brokers", Quoted(options_.brokers)},
                            {"topics", List(options_.topics)},
                            {"group_id", Quoted(options_.group)}});
  sections["postgres"].insert({"conninfo", Quoted(options_.conninfo)});
  sections["http"].insert(
      {"listen", Quoted(options_.http_host + ":" + std::to_string(http_port_))});
  std::ofstream file(config_file_, std::ios::trunc);
  for (const auto& [section, keys] : sections) {
    file << "[" << section << "]\n";
    for (const auto& [key, value] : keys) file << key << " = " << value << "\n";
  }
  if (!options_.kafka_properties.empty()) file << "[kafka.properties]\n";
  for (const auto& [name, value] : options_.kafka_properties) {
    file << Quoted(name) << " = " << Quoted(value) << "\n";
  }
  if (!file.flush()) throw std::runtime_error("cannot write " + config_file_.string());
}

void DaemonProcess::Configure(const std::string& section, const std::string& key,
                              const std::string& value) {
  options_.settings[section][key] = value;
  WriteConfig();
}

std::vector<std::string> DaemonProcess::Command() const {
  std::vector<std::string> command = options_.command_prefix;
  const char* daemon = std::getenv("USAGE_INGEST_DAEMON");
  command.emplace_back(daemon == nullptr ? USAGE_INGEST_DAEMON : daemon);
  command.emplace_back("--config");
  command.push_back(config_file_.string());
  return command;
}

CommandResult DaemonProcess::Run(const std::vector<std::string>& words,
                                 std::chrono::seconds timeout) const {
  std::vector<std::string> command = Command();
  command.insert(command.end(), words.begin(), words.end());
  return RunCommand({.command = command, .environment = options_.environment}, After(timeout));
}

void DaemonProcess::Start(const std::vector<std::string>& words) {
  if (running()) throw std::logic_error("the daemon runs already");
  std::vector<std::string> command = Command();
  command.insert(command.end(), words.begin(), words.end());
  process_ = std::make_unique<ChildProcess>(ChildOptions{
      .command = command, .environment = options_.environment, .output = files_.path() / "log"});
}

void DaemonProcess::StartAndWait() {
  Start();
  WaitReady();
}

void DaemonProcess::WaitReady(std::chrono::seconds timeout) {
  const bool up = WaitUntil(After(timeout), [this] {
    if (!running()) throw std::runtime_error("the daemon ended\n" + LastLines(log()));
    return ready();
  });
  if (!up) throw std::runtime_error("the daemon did not become ready\n" + LastLines(log()));
}

void DaemonProcess::Kill() {
  process_->Signal(SIGKILL);
  // ignored because nothing survives SIGKILL
  static_cast<void>(process_->WaitExit(After(std::chrono::seconds(10))));
}

int DaemonProcess::WaitExit(std::chrono::seconds timeout) {
  const std::optional<int> code = process_->WaitExit(After(timeout));
  if (!code) throw std::runtime_error("the daemon did not end\n" + LastLines(log()));
  return *code;
}

double DaemonProcess::Metric(const std::string& name,
                             const std::vector<std::string>& labels) const {
  std::istringstream lines(Get("/metrics").body);
  double sum = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name) || (line[name.size()] != '{' && line[name.size()] != ' ')) continue;
    bool wanted = true;
    for (const std::string& label : labels) wanted = wanted && line.find(label) != line.npos;
    if (wanted) sum += std::strtod(line.c_str() + line.rfind(' '), nullptr);
  }
  return sum;
}

std::int64_t DaemonProcess::StatusBytes(std::string_view name) const {
  std::istringstream lines(ReadFile("/proc/" + std::to_string(pid()) + "/status"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name)) return 1024 * std::atoll(line.c_str() + name.size());
  }
  throw std::runtime_error("no " + std::string(name) + " of " + std::to_string(pid()));
}

}  // namespace usage_ingest::support
