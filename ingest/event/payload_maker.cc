#include "ingest/event/payload_maker.h"

#include <functional>

#include "ingest/event/dead_letter_payload.h"
#include "ingest/event/record_splitter.h"

namespace usage_ingest::event {
namespace {

constexpr std::size_t kKeepElements = 4096;

bool IsWithin(std::string_view part, std::string_view whole) {
  return std::less_equal<>()(whole.data(), part.data()) &&
         std::less_equal<>()(part.data() + part.size(), whole.data() + whole.size());
}

}  // namespace

class PayloadMaker::Finder final : public RecordSplitter::Visitor {
 public:
  explicit Finder(PayloadMaker& maker) : maker_(maker) {}

  json::JsonWalker::Token ReadObject(const json::JsonWalker& json,
                                     json::JsonWalker::Token at) override {
    return json.Skip(at);
  }
  void OnObject(std::uint32_t, std::string_view bytes) override { Add(Kept(bytes), Kind::kJson); }
  void OnNull(std::uint32_t) override { Add("null", Kind::kJson); }
  void OnOther(std::uint32_t, std::string_view bytes) override { Add(Kept(bytes), Kind::kJson); }
  void OnBroken(std::uint32_t, std::string_view bytes) override { Add(Kept(bytes), Kind::kBroken); }
  [[nodiscard]] bool is_full() const override { return false; }
  void OnTooMany(std::string_view text) override { Add(text, Kind::kLarge); }

 private:
  // The splitter's own memory is gone when it reads on.
  std::string_view Kept(std::string_view bytes) {
    if (IsWithin(bytes, maker_.text_)) return bytes;
    return maker_.repaired_.emplace_back(bytes);
  }
  void Add(std::string_view bytes, Kind kind) {
    maker_.elements_.push_back({bytes.data(), static_cast<std::uint32_t>(bytes.size()), kind});
  }

  PayloadMaker& maker_;
};

void PayloadMaker::Forget() {
  if (text_.data() == nullptr) return;  // most records have no dead letter
  text_ = {};
  elements_.clear();
  if (elements_.capacity() > kKeepElements) elements_ = {};
  repaired_.clear();
}

std::string PayloadMaker::Make(std::string_view text, std::uint32_t index) {
  if (text_.data() != text.data() || text_.size() != text.size()) {
    Forget();
    text_ = text;
    RecordSplitter splitter;
    Finder finder(*this);
    splitter.Split(text, finder);
  }
  if (index >= elements_.size()) return {};
  const Element& element = elements_[index];
  const std::string_view bytes(element.begin, element.size);
  switch (element.kind) {
    case Kind::kJson:
      return PayloadOfElement(bytes);
    case Kind::kBroken:
      return PayloadOfBrokenBytes(bytes);
    case Kind::kLarge:
      return PayloadOfLargeRecord(bytes);
  }
  return {};
}

}  // namespace usage_ingest::event
