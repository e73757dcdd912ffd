// Each macro plants one mistake that Clang must refuse under -Wthread-safety.
#include "schema/mutex.h"

namespace usage_ingest {
namespace {

class Counter {
 public:
  void Add() {
    const MutexLock lock(mutex_);
#ifdef LOCKS_TWICE
    const MutexLock again(mutex_);
#endif
    AddLocked();
    changed_.NotifyAll();
  }
  [[nodiscard]] bool WaitForOne(const std::stop_token& stop) {
#ifndef WAITS_WITHOUT_THE_LOCK
    const MutexLock lock(mutex_);
#endif
    return changed_.Wait(mutex_, stop, [this]() REQUIRES(mutex_) { return count_ > 0; });
  }
#ifdef READS_WITHOUT_THE_LOCK
  [[nodiscard]] int count() const { return count_; }
#endif
#ifdef WRITES_WITHOUT_THE_LOCK
  void Reset() { count_ = 0; }
#endif
#ifdef CALLS_WITHOUT_THE_LOCK
  void AddUnlocked() { AddLocked(); }
#endif

 private:
  void AddLocked() REQUIRES(mutex_) { ++count_; }

  Mutex mutex_;
  CondVar changed_;
  int count_ GUARDED_BY(mutex_) = 0;
};

[[maybe_unused]] int UseCounter(const std::stop_token& stop) {
  Counter counter;
  counter.Add();
  return counter.WaitForOne(stop) ? 1 : 0;
}

}  // namespace
}  // namespace usage_ingest
