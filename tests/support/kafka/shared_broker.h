#pragma once
// SharedBroker: a broker that another test may have used before. It is empty again, and this test's
// alone until the test ends.
//
// To start a JVM and a broker costs 2.5 s of CPU, which was a third of the time of all tests.
//
// Each broker has a directory with a lock; the kernel gives the lock back when the test ends,
// however it ends. A broker ends half a minute after its last test (broker_keeper.cc).
//
// Owner         the test.
// Errors        throws when no broker starts or none can be emptied.
#include <cstdint>
#include <filesystem>
#include <string>

namespace usage_ingest::support {

class SharedBroker {
 public:
  SharedBroker();
  ~SharedBroker();
  SharedBroker(const SharedBroker&) = delete;
  SharedBroker& operator=(const SharedBroker&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] const std::filesystem::path& directory() const noexcept { return directory_; }
  // What it wrote while this test had it.
  [[nodiscard]] std::string log() const;

 private:
  enum class Kind { kUsed, kNew };
  bool Take(const std::filesystem::path& directory, Kind kind);
  [[nodiscard]] bool Runs();
  bool Empty();
  void Start();

  int lock_ = -1;
  std::filesystem::path directory_;
  std::uint16_t port_ = 0;
  std::size_t log_begin_ = 0;
};

}  // namespace usage_ingest::support
