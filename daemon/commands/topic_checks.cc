#include "daemon/commands/topic_checks.h"

#include <fmt/format.h>

#include <utility>

#include "daemon/assembly/topic_advice.h"

namespace usage_ingest::commands {
namespace {

using Status = ConnectCheck::Status;
using Checks = std::vector<ConnectCheck>;
using kafka::client::TopicFinding;

}  // namespace

void CheckTopic(const TopicFinding& topic, std::size_t prefetch_bytes, Checks& checks) {
  if (!topic.problem.empty()) {
    // The daemon waits for a topic: it is unavailable, not wrong.
    checks.push_back({Status::kUnavailable,
                      {.what = fmt::format("topic {}: {}", topic.name, topic.problem),
                       .fix = "create the topic, or correct kafka.topics"}});
    return;
  }
  if (!topic.read_problem.empty()) {
    checks.push_back({Status::kFailed,
                      {.what = fmt::format("topic {}: {}", topic.name, topic.read_problem),
                       .fix = "allow this user to READ and DESCRIBE the topic"}});
  } else {
    checks.push_back(
        {Status::kOk,
         {.what = fmt::format("topic {}: {} partitions", topic.name, topic.partitions)}});
  }
  if (!topic.settings_problem.empty()) {
    checks.push_back(
        {Status::kWarning,
         {.what = fmt::format("topic {}: its settings are not known: {}", topic.name,
                              topic.settings_problem),
          .fix = "allow this user to DESCRIBE_CONFIGS the topic, for this check only"}});
    return;
  }
  for (text::Problem& problem : assembly::TopicAdvice(topic, prefetch_bytes)) {
    checks.push_back({Status::kWarning, std::move(problem)});
  }
}

}  // namespace usage_ingest::commands
