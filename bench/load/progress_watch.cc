#include "bench/load/progress_watch.h"

#include <libpq-fe.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <utility>

namespace usage_ingest::load {
namespace {

using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using Rows = std::unique_ptr<PGresult, decltype(&PQclear)>;

constexpr const char* kQuery =
    "SELECT partition, next_offset FROM usage_ingest.kafka_offsets"
    " WHERE group_id = $1 AND topic = $2";

std::int64_t IntegerAt(const PGresult* rows, int row, int column) {
  const char* text = PQgetvalue(rows, row, column);
  std::int64_t value = 0;
  std::from_chars(text, text + std::strlen(text), value);
  return value;
}

}  // namespace

ProgressWatch::ProgressWatch(Options options, std::int32_t partitions)
    : options_(std::move(options)),
      partitions_(static_cast<std::size_t>(partitions)),
      looker_([this](const std::stop_token& stop) { Look(stop); }) {}

std::uint64_t ProgressWatch::Now() {
  return static_cast<std::uint64_t>(Clock::now().time_since_epoch().count());
}

bool ProgressWatch::WaitForRoom(std::int32_t partition, std::size_t bytes,
                                const std::stop_token& stop) {
  const MutexLock lock(mutex_);
  Partition& it = partitions_[static_cast<std::size_t>(partition)];
  if (options_.room_bytes != 0) {
    changed_.Wait(mutex_, stop, [&]() REQUIRES(mutex_) {
      return failure_ || it.unseen_bytes == 0 || it.unseen_bytes + bytes <= options_.room_bytes;
    });
  }
  it.unseen_bytes += bytes;
  return !stop.stop_requested();
}

void ProgressWatch::OnDelivery(const Delivery& delivery) {
  const MutexLock lock(mutex_);
  partitions_[static_cast<std::size_t>(delivery.partition)].delivered.push_back(
      {delivery.offset, delivery.tag, delivery.bytes});
  ++unseen_;
}

void ProgressWatch::Seen(std::int32_t partition, std::int64_t next_offset, std::uint64_t now) {
  Partition& it = partitions_[static_cast<std::size_t>(partition)];
  while (!it.delivered.empty() && it.delivered.front().offset < next_offset) {
    const Waiting& event = it.delivered.front();
    const Clock::duration took(static_cast<Clock::rep>(now - event.sent));
    seconds_.push_back(std::chrono::duration<float>(took).count());
    it.unseen_bytes -= event.bytes;
    it.delivered.pop_front();
    --unseen_;
  }
}

void ProgressWatch::Look(const std::stop_token& stop) {
  const Connection connection(PQconnectdb(options_.conninfo.c_str()), PQfinish);
  const char* values[] = {options_.group_id.c_str(), options_.topic.c_str()};
  while (!stop.stop_requested()) {
    const Rows rows(PQexecParams(connection.get(), kQuery, 2, nullptr, values, nullptr, nullptr, 0),
                    PQclear);
    const MutexLock lock(mutex_);
    if (PQresultStatus(rows.get()) != PGRES_TUPLES_OK) {
      failure_ = PQerrorMessage(connection.get());
      changed_.NotifyAll();
      return;
    }
    const std::uint64_t now = Now();
    for (int row = 0; row < PQntuples(rows.get()); ++row) {
      const auto partition = static_cast<std::int32_t>(IntegerAt(rows.get(), row, 0));
      if (partition >= static_cast<std::int32_t>(partitions_.size())) continue;
      Seen(partition, IntegerAt(rows.get(), row, 1), now);
    }
    changed_.NotifyAll();
    changed_.WaitFor(mutex_, stop, options_.interval, [] { return false; });
  }
}

bool ProgressWatch::WaitUntilSeen(std::chrono::seconds timeout, const std::stop_token& stop) {
  const MutexLock lock(mutex_);
  return changed_.WaitFor(mutex_, stop, timeout, [&]() REQUIRES(mutex_) {
    return failure_ || unseen_ == 0;
  }) && !failure_;
}

void ProgressWatch::Check() {
  const MutexLock lock(mutex_);
  if (failure_) throw std::runtime_error("watching the offsets in PostgreSQL: " + *failure_);
}

ProgressWatch::Latency ProgressWatch::latency() {
  const MutexLock lock(mutex_);
  if (seconds_.empty()) return {};
  std::ranges::sort(seconds_);
  const auto at = [&](double share) REQUIRES(mutex_) {
    const auto rank = static_cast<std::size_t>(share * static_cast<double>(seconds_.size() - 1));
    return static_cast<double>(seconds_[rank]);
  };
  return {seconds_.size(), at(0.5), at(0.9), at(0.99), at(1.0)};
}

}  // namespace usage_ingest::load
