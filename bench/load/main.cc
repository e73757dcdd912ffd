// usage-load: makes a LiteMaaS population and the LiteLLM events of its use.
//
//   usage-load seed    --conninfo ...            the population into a migrated database
//   usage-load produce --brokers ... --topic ... events into Kafka; prints what was sent as JSON
//   usage-load files   --out DIR                 the same events as NDJSON, for `usage-ingestd
//   import` usage-load expect                            only prints what `produce` would send
#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <map>
#include <stop_token>
#include <thread>

#include "bench/load/publish.h"
#include "bench/load/seed_database.h"

namespace usage_ingest::load {
namespace {

struct Settings {
  PopulationOptions population{};
  EventStreamOptions stream{};
  PublishOptions publish{};
  PayloadSize size = PayloadSize::kDefault;
  std::string conninfo;
  std::string out;
  std::string quotas_file;
  double span_seconds = 3 * 3600;
  double start_seconds = 0;
  int interval_ms = 10;
  bool live = false;
};

void AddPopulation(CLI::App& app, Settings& settings) {
  app.add_option("--population-seed", settings.population.seed, "same number, same population");
  app.add_option("--users", settings.population.users)->capture_default_str();
  app.add_option("--models", settings.population.models)->capture_default_str();
  app.add_option("--subscriptions", settings.population.subscriptions)->capture_default_str();
}

void AddStream(CLI::App& app, Settings& settings) {
  AddPopulation(app, settings);
  const std::map<std::string, PayloadSize> sizes = {{"lean", PayloadSize::kLean},
                                                    {"default", PayloadSize::kDefault},
                                                    {"full", PayloadSize::kFull}};
  EventStreamOptions& stream = settings.stream;
  app.add_option("--events", settings.publish.deliveries,
                 "deliveries, duplicates included; 0: until stopped")
      ->capture_default_str();
  app.add_option("--seed", stream.seed, "same number, same events")->capture_default_str();
  app.add_option("--size", settings.size, "lean (2 KB), default (3 KB) or full (14 KB)")
      ->transform(CLI::CheckedTransformer(sizes, CLI::ignore_case));
  app.add_option("--span", settings.span_seconds, "event time covered, seconds")
      ->capture_default_str();
  app.add_option("--start", settings.start_seconds,
                 "first event's time, seconds since the epoch; default: now minus --span");
  app.add_option("--failures", stream.failure_share, "share of failures")->capture_default_str();
  app.add_option("--duplicates", stream.duplicate_share, "share of second deliveries")
      ->capture_default_str();
  app.add_option("--odd", stream.odd_share, "share of events that become no row")
      ->capture_default_str();
  app.add_flag("--hot", stream.one_hot_subscription, "one subscription takes all events");
  app.add_flag("--live", settings.live, "events happen while they are sent (needs --rate)");
  app.add_option("--quotas-out", settings.quotas_file,
                 "write subscription_id,requests,tokens of what was sent");
}

void AddProduce(CLI::App& app, Settings& settings) {
  AddStream(app, settings);
  PublishOptions& publish = settings.publish;
  app.add_option("--brokers", publish.kafka.brokers)->required();
  app.add_option("--topic", publish.kafka.topic)->default_val("litellm.usage.v1");
  app.add_option("--create-partitions", publish.kafka.create_partitions,
                 "create the topic with this number, unless it exists");
  app.add_option("--linger", publish.kafka.linger_ms, "milliseconds")->capture_default_str();
  app.add_option("--rate", publish.rate, "events a second; 0: as fast as it goes")
      ->capture_default_str();
  app.add_option("--threads", publish.threads)->check(CLI::Range(1, 64))->capture_default_str();
  app.add_option("--status-file", publish.status_file,
                 "keeps \"records bytes\" in it while it runs");
  app.add_option("--watch", publish.watch.conninfo,
                 "conninfo: measure how long events take to be committed");
  app.add_option("--watch-interval", settings.interval_ms, "milliseconds between two looks")
      ->capture_default_str();
  app.add_option("--group", publish.watch.group_id)->capture_default_str();
  app.add_option("--room", publish.watch.room_bytes,
                 "with --watch: bytes not yet committed a partition, at most");
  app.add_option("--await", publish.await_seconds,
                 "with --watch: seconds to wait for the last commit; exit 1 when it does not come");
}

void Complete(Settings& settings) {
  PublishOptions& publish = settings.publish;
  EventStreamOptions& stream = settings.stream;
  // An endless stream starts its span again after a million events: event time stays in bounds.
  stream.events = publish.deliveries == 0 ? 1'000'000 : publish.deliveries;
  if (settings.live) {
    if (publish.rate <= 0 || publish.deliveries == 0) {
      throw std::invalid_argument("--live needs --rate and --events");
    }
    settings.span_seconds = static_cast<double>(stream.events) / publish.rate;
  }
  stream.span_us = static_cast<std::int64_t>(settings.span_seconds * 1e6);
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  stream.start_us = settings.start_seconds > 0
                        ? static_cast<std::int64_t>(settings.start_seconds * 1e6)
                        : now.count() - (settings.live ? 0 : stream.span_us);
  publish.watch.topic = publish.kafka.topic;
  publish.watch.interval = std::chrono::milliseconds(settings.interval_ms);
}

void WriteFile(const std::string& path, const std::string& text) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "w"),
                                                             std::fclose);
  if (file == nullptr || std::fwrite(text.data(), 1, text.size(), file.get()) != text.size()) {
    throw std::runtime_error("cannot write " + path);
  }
}

void Report(const Settings& settings, const Population& population, const Expectation& sent,
            const std::string& json) {
  if (!settings.quotas_file.empty()) {
    WriteFile(settings.quotas_file, sent.QuotasCsv(population));
  }
  fmt::print("{}\n", json);
}

int Produce(const Settings& settings, const std::stop_token& stop) {
  const Population population(settings.population);
  const EventStream stream(population, settings.stream);
  const EventRenderer renderer(population, settings.size);
  const PublishReport report = Publish(population, stream, renderer, settings.publish, stop);
  Report(settings, population, report.expectation, report.ToJson());
  return report.all_seen ? 0 : 1;
}

// `files` and `expect`: the stream without Kafka; out is null for the latter.
int Generate(const Settings& settings, std::FILE* out) {
  const Population population(settings.population);
  const EventStream stream(population, settings.stream);
  const EventRenderer renderer(population, settings.size);
  Expectation sent(population.subscriptions.size());
  std::string value;
  const auto began = std::chrono::steady_clock::now();
  for (std::uint64_t delivery = 0; delivery < settings.stream.events; ++delivery) {
    const EventFacts facts = stream.At(delivery);
    // A file has no tombstones: a blank line is nothing.
    if (out != nullptr && facts.kind == EventKind::kTombstone) continue;
    renderer.Render(facts, value);
    sent.Add(facts, value.size());
    value.push_back('\n');
    if (out != nullptr && std::fwrite(value.data(), 1, value.size(), out) != value.size()) {
      throw std::runtime_error("cannot write " + settings.out);
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  PublishReport report{sent, took.count(), true, {}};
  Report(settings, population, sent, report.ToJson());
  return 0;
}

int Files(const Settings& settings) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(settings.out.c_str(), "w"),
                                                             std::fclose);
  if (file == nullptr) throw std::runtime_error("cannot write " + settings.out);
  return Generate(settings, file.get());
}

// SIGINT and SIGTERM ask for a stop; blocked in every thread, so call it before there is another.
class StopOnSignal {
 public:
  StopOnSignal() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    waiter_ = std::jthread([this](const std::stop_token& done) {
      constexpr timespec kLook{.tv_sec = 0, .tv_nsec = 100'000'000};
      while (!done.stop_requested()) {
        if (sigtimedwait(&signals_, nullptr, &kLook) > 0) source_.request_stop();
      }
    });
  }
  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

 private:
  sigset_t signals_{};
  std::stop_source source_;
  std::jthread waiter_;
};

int Main(int argc, char** argv) {
  Settings settings;
  settings.publish.deliveries = 1'000'000;
  CLI::App app("A LiteMaaS population and the LiteLLM events of its use", "usage-load");
  app.require_subcommand(1);
  CLI::App* seed = app.add_subcommand("seed", "put the population into a migrated database");
  AddPopulation(*seed, settings);
  seed->add_option("--conninfo", settings.conninfo)->required();
  CLI::App* produce = app.add_subcommand("produce", "publish events to Kafka");
  AddProduce(*produce, settings);
  CLI::App* files = app.add_subcommand("files", "write events to a file, one a line");
  AddStream(*files, settings);
  files->add_option("--out", settings.out, "NDJSON file")->required();
  CLI::App* expect = app.add_subcommand("expect", "print what would be sent");
  AddStream(*expect, settings);
  CLI11_PARSE(app, argc, argv);

  try {
    Complete(settings);
    const StopOnSignal signals;
    if (*seed) {
      SeedDatabase(Population(settings.population), settings.conninfo);
      return 0;
    }
    if (*produce) return Produce(settings, signals.token());
    return *files ? Files(settings) : Generate(settings, nullptr);
  } catch (const std::exception& error) {
    fmt::print(stderr, "usage-load: {}\n", error.what());
    return EX_UNAVAILABLE;
  }
}

}  // namespace
}  // namespace usage_ingest::load

int main(int argc, char** argv) { return usage_ingest::load::Main(argc, argv); }
