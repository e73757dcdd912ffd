#pragma once
// GuardedText: a text behind which nothing can be read.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <string_view>

namespace usage_ingest::event {

// Texts that end where memory ends.
class GuardedText {
 public:
  GuardedText()
      : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))),
        pages_(static_cast<char*>(
            mmap(nullptr, 3 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    EXPECT_NE(pages_, MAP_FAILED);
    EXPECT_EQ(mprotect(pages_ + 2 * page_, page_, PROT_NONE), 0);
  }
  ~GuardedText() { munmap(pages_, 3 * page_); }
  GuardedText(const GuardedText&) = delete;
  GuardedText& operator=(const GuardedText&) = delete;

  std::string_view Put(std::string_view text) {
    char* const at = pages_ + 2 * page_ - text.size();
    std::memcpy(at, text.data(), text.size());
    return {at, text.size()};
  }

 private:
  std::size_t page_;
  char* pages_;
};

}  // namespace usage_ingest::event
