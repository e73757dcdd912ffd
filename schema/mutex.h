#pragma once
// Mutex, MutexLock, CondVar: std::mutex and friends with Clang's thread safety attributes.
//
// libstdc++'s std::mutex has no such attributes, so Clang cannot tell which members it protects.
// With these types each member says GUARDED_BY(mutex_), and the lint step `thread-safety` refuses
// code that touches the member without the lock. GCC ignores the attributes.
//
// Thread-safety any thread; the mutex is not recursive.
// Source        https://clang.llvm.org/docs/ThreadSafetyAnalysis.html
#include <condition_variable>
#include <mutex>
#include <stop_token>

#if defined(__clang__)
#define USAGE_INGEST_THREAD_ATTRIBUTE(attribute) __attribute__((attribute))
#else
#define USAGE_INGEST_THREAD_ATTRIBUTE(attribute)
#endif

#define CAPABILITY(kind) USAGE_INGEST_THREAD_ATTRIBUTE(capability(kind))
#define SCOPED_CAPABILITY USAGE_INGEST_THREAD_ATTRIBUTE(scoped_lockable)
// On a member: it is read and written only while the mutex is held.
#define GUARDED_BY(mutex) USAGE_INGEST_THREAD_ATTRIBUTE(guarded_by(mutex))
// On a function or a lambda: the caller holds the mutex.
#define REQUIRES(mutex) USAGE_INGEST_THREAD_ATTRIBUTE(requires_capability(mutex))
#define ACQUIRE(...) USAGE_INGEST_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define RELEASE(...) USAGE_INGEST_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))

namespace usage_ingest {

class CAPABILITY("mutex") Mutex {
 public:
  // Names of the standard library, so that std::condition_variable_any accepts the type.
  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

// Holds the mutex from its construction to the end of its scope.
class SCOPED_CAPABILITY [[nodiscard]] MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// A wait ends when `is_true()` returns true, when `stop` is requested, or after `timeout`; it
// returns the last value of is_true(). The mutex is held whenever is_true() runs: a lambda that
// reads guarded members says so, `[&]() REQUIRES(mutex_) { return done_; }`.
class CondVar {
 public:
  template <class Predicate>
  bool Wait(Mutex& mutex, const std::stop_token& stop, Predicate is_true) REQUIRES(mutex) {
    return changed_.wait(mutex, stop, is_true);
  }
  template <class Duration, class Predicate>
  bool WaitFor(Mutex& mutex, const std::stop_token& stop, Duration timeout, Predicate is_true)
      REQUIRES(mutex) {
    return changed_.wait_for(mutex, stop, timeout, is_true);
  }
  void NotifyAll() { changed_.notify_all(); }

 private:
  std::condition_variable_any changed_;
};

}  // namespace usage_ingest
