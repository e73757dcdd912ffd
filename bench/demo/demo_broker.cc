// demo_broker: the embedded Kafka of tools/demo, librdkafka's mock cluster in a process.
//
//   demo_broker TOPIC PARTITIONS
//
// Prints the bootstrap servers on one line and serves until its standard input ends or it gets
// SIGTERM, so that it cannot outlive the demo. It listens on 127.0.0.1.
//
// Limit         a partition keeps 5 MiB and 100,000 messages; older ones are forgotten without a
//               word (rdkafka_mock_cluster.c). The generator must stay within that.
// Source        rdkafka_mock.h: "experimental", for tests; not for load.
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>

namespace {

using Client = std::unique_ptr<rd_kafka_t, decltype(&rd_kafka_destroy)>;
using Cluster = std::unique_ptr<rd_kafka_mock_cluster_t, decltype(&rd_kafka_mock_cluster_destroy)>;

int Fail(const char* what, const char* why) {
  // ignored because we are about to end with an error: nothing else can be said
  static_cast<void>(std::fprintf(stderr, "demo_broker: %s: %s\n", what, why));
  return EX_UNAVAILABLE;
}

// Until the parent closes our standard input, or a signal.
void WaitForEnd() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGHUP);
  const int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
  std::array<pollfd, 2> watched = {pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{signal_fd, POLLIN, 0}};
  for (;;) {
    if (poll(watched.data(), watched.size(), -1) < 0) continue;  // EINTR
    if (watched[1].revents != 0) return;
    std::array<char, 256> ignored{};
    if (watched[0].revents != 0 && read(STDIN_FILENO, ignored.data(), ignored.size()) <= 0) return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  int partitions = 0;
  if (argc == 3) std::from_chars(argv[2], argv[2] + std::strlen(argv[2]), partitions);
  if (partitions <= 0) {
    static_cast<void>(Fail("usage", "demo_broker TOPIC PARTITIONS"));
    return EX_USAGE;
  }
  // Ctrl-C reaches the whole foreground group; the demo decides when the broker ends. Blocked
  // before librdkafka starts threads, which inherit the mask.
  sigset_t blocked;
  sigemptyset(&blocked);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&blocked, signal);
  if (sigprocmask(SIG_BLOCK, &blocked, nullptr) != 0) return Fail("sigprocmask", "refused");

  std::array<char, 256> error{};
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  // The client only carries the cluster; that it has no brokers of its own is no news.
  rd_kafka_conf_set_log_cb(conf, nullptr);
  const Client client(rd_kafka_new(RD_KAFKA_PRODUCER, conf, error.data(), error.size()),
                      rd_kafka_destroy);
  if (client == nullptr) return Fail("client", error.data());
  const Cluster cluster(rd_kafka_mock_cluster_new(client.get(), 1), rd_kafka_mock_cluster_destroy);
  if (cluster == nullptr) return Fail("mock cluster", "not started");
  const auto created = rd_kafka_mock_topic_create(cluster.get(), argv[1], partitions, 1);
  if (created != RD_KAFKA_RESP_ERR_NO_ERROR) return Fail(argv[1], rd_kafka_err2str(created));
  if (std::puts(rd_kafka_mock_cluster_bootstraps(cluster.get())) == EOF ||
      std::fflush(stdout) != 0) {
    return Fail("standard output", "closed");
  }
  WaitForEnd();
  return 0;
}
