#include "ingest/event/decoder.h"

#include "ingest/event/dead_letter_payload.h"
#include "ingest/event/event_builder.h"
#include "ingest/event/event_fields.h"
#include "ingest/event/metadata_writer.h"
#include "ingest/event/payload_maker.h"
#include "ingest/event/record_splitter.h"
#include "ingest/json/json_text.h"

namespace usage_ingest::event {
namespace {

std::string_view WithoutByteOrderMark(std::string_view value) {
  if (value.starts_with(json::kByteOrderMark)) value.remove_prefix(json::kByteOrderMark.size());
  return value;
}

// Makes events of the elements of one record as they are found.
class ElementVisitor final : public RecordSplitter::Visitor {
 public:
  struct Parts {
    const RecordOrigin& origin;
    EventFields& fields;
    EventBuilder& builder;
    Arena& arena;
    EventSink& sink;
  };
  explicit ElementVisitor(const Parts& parts) : parts_(parts) {}

  json::JsonWalker::Token ReadObject(const json::JsonWalker& json,
                                     json::JsonWalker::Token at) override {
    parts_.fields.Clear();
    return parts_.fields.ReadObject(json, at, ObjectKind::kTop);
  }
  void OnObject(std::uint32_t number, std::string_view bytes) override {
    parts_.builder.Build({parts_.origin, IndexOf(number), bytes, parts_.fields}, parts_.arena,
                         parts_.sink);
  }
  void OnNull(std::uint32_t number) override {
    parts_.sink.OnSkip(IndexOf(number), SkipReason::kNullElement);
  }
  void OnOther(std::uint32_t number, std::string_view) override {
    Reject(number, DeadLetterReason::kInvalidField, "the element is no object");
  }
  void OnBroken(std::uint32_t number, std::string_view) override {
    Reject(number, DeadLetterReason::kInvalidJson, "not JSON");
  }
  void OnTooMany(std::string_view) override {
    static_assert(limits::kRecordElementsMax == 100'000);
    Reject(0, DeadLetterReason::kRecordTooLarge, "more than 100000 elements");
  }
  [[nodiscard]] bool is_full() const override { return parts_.sink.is_full(); }

 private:
  [[nodiscard]] std::uint32_t IndexOf(std::uint32_t number) const {
    return parts_.origin.first_index + number;
  }
  void Reject(std::uint32_t number, DeadLetterReason reason, std::string_view detail) {
    parts_.sink.OnReject(IndexOf(number), {reason, detail, {}, {}, {}});
  }

  Parts parts_;
};

}  // namespace

const std::vector<std::string>& AllMetadataKeys() { return MetadataWriter::AllKeys(); }

struct Decoder::Impl {
  explicit Impl(const DecoderOptions& options)
      : record_bytes_max(options.record_bytes_max), builder(options.metadata_keys) {}

  std::size_t record_bytes_max;
  RecordSplitter splitter;
  EventFields fields;
  EventBuilder builder;
  PayloadMaker payloads;
};

Decoder::Decoder(const DecoderOptions& options) : impl_(std::make_unique<Impl>(options)) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;

void Decoder::Decode(const RecordOrigin& origin, std::string_view value, Arena& arena,
                     EventSink& sink) {
  impl_->payloads.Forget();
  if (value.size() > impl_->record_bytes_max) {
    const std::string detail = std::to_string(value.size()) +
                               " bytes; events.record_bytes_max is " +
                               std::to_string(impl_->record_bytes_max);
    return sink.OnReject(origin.first_index,
                         {DeadLetterReason::kRecordTooLarge, arena.Copy(detail), {}, {}, {}});
  }
  const std::string_view text = WithoutByteOrderMark(value);
  if (json::TrimJsonBlanks(text).empty())
    return sink.OnSkip(origin.first_index, SkipReason::kTombstone);
  ElementVisitor visitor({origin, impl_->fields, impl_->builder, arena, sink});
  impl_->splitter.Split(text, visitor);
}

std::string Decoder::DeadLetterPayload(std::string_view value, std::uint32_t index) {
  const std::string_view text = WithoutByteOrderMark(value);
  if (value.size() > impl_->record_bytes_max) {
    return PayloadOfLargeRecord(text);
  }
  if (json::TrimJsonBlanks(text).empty()) return {};
  return impl_->payloads.Make(text, index);
}

}  // namespace usage_ingest::event
