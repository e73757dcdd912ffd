#pragma once
// AlertHistory: which alerts of monitoring/alerts.yaml fire for scrapes of a real daemon.
//
// A test brings a daemon into a state and scrapes /metrics a few times. The history says for how
// many minutes Prometheus sees each scrape, and promtool evaluates the rules at any minute of that.
// So no test waits for the minutes of a rule's `for`, and no series is made up.
//
// Owner         one thread.
// Units         minutes after the first scrape; scrapes and evaluations are one minute apart.
// Errors        throws when promtool does not accept the rules or a scrape.
// Source        promtool (package prometheus), "Unit Testing for Rules".
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace usage_ingest::support {

class AlertHistory {
 public:
  // `scrape` is the body of /metrics, and nullopt if the daemon did not answer.
  void Add(const std::optional<std::string>& scrape, std::chrono::minutes duration);

  // The names of the alerts that fire at `minute`. REQUIRES: the history is that long.
  [[nodiscard]] std::set<std::string> FiringAt(std::chrono::minutes minute) const;

 private:
  // The values of one series, minute by minute; "_" is none, "stale" its end.
  using Values = std::vector<std::string>;

  void AddMinute(const std::map<std::string, std::string>& samples);
  [[nodiscard]] std::string RulesTest(std::chrono::minutes minute) const;

  std::map<std::string, Values> series_;
  std::size_t minutes_ = 0;
};

}  // namespace usage_ingest::support
