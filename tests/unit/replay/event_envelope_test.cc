#include "daemon/replay/event_envelope.h"

#include <gtest/gtest.h>

#include <vector>

namespace usage_ingest::replay {
namespace {

using Kind = EventEnvelope::Kind;

struct Found {
  std::string text;
  Kind kind;
  friend bool operator==(const Found&, const Found&) = default;
};
void PrintTo(const Found& found, std::ostream* out) {
  *out << static_cast<int>(found.kind) << ' ' << found.text;
}
using Elements = std::vector<Found>;

Elements Open(const std::string& value) {
  Elements found;
  EventEnvelope envelope([&](const EventEnvelope::Element& element) {
    found.push_back({std::string(element.text), element.kind});
  });
  envelope.Open(value);
  return found;
}

// As the text of a JSON string.
std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

const std::string kEvent = R"({"id":"a\"b","startTime":1,"message":"m","data":[1]})";

TEST(EventEnvelopeTest, AnObjectWithAStartTimeIsAnEvent) {
  EXPECT_EQ(Open(kEvent), (Elements{{kEvent, Kind::kEvent}}));
  const std::string marked = R"({"startTime":1,"specversion":"1.0","data":{}})";
  EXPECT_EQ(Open(marked), (Elements{{marked, Kind::kEvent}}));
}

TEST(EventEnvelopeTest, KnownEnvelopesAreOpened) {
  const Elements event = {{kEvent, Kind::kEvent}};
  const std::string text = Quoted(kEvent);
  const std::string notification = R"({"TopicArn":"t","Message":)" + text + "}";
  for (const std::string& envelope : {
           R"({"data": [)" + kEvent + R"(], "total": 1, "page": 1})",
           R"({"specversion":"1.0","data":)" + kEvent + "}",
           R"({"data":)" + text + R"(,"specversion":"1.0"})",
           R"({"ddsource":"litellm","message":)" + text + "}",
           R"({"Records":[{"messageId":"m","body":)" + text + "}]}",
           R"({"Messages":[{"MessageId":"m","Body":)" + text + "}]}",
           R"({"Messages":[{"MessageId":"m","Body":)" + Quoted(notification) + "}]}",
           R"({"Records":[{"EventSource":"aws:sns","Sns":)" + notification + "}]}",
           R"({"detail-type":"x","source":"y","detail":)" + kEvent + "}",
       }) {
    EXPECT_EQ(Open(envelope), event) << envelope;
  }
}

TEST(EventEnvelopeTest, AnEnvelopeMayHoldMoreThanEvents) {
  EXPECT_EQ(Open(R"({"data":[)" + kEvent + R"(,{"a":1},null,)" + kEvent + "]}"),
            (Elements{{kEvent, Kind::kEvent},
                      {R"({"a":1})", Kind::kOtherObject},
                      {"null", Kind::kNoObject},
                      {kEvent, Kind::kEvent}}));
  EXPECT_EQ(Open(R"({"data":[]})"), Elements{});
  EXPECT_EQ(Open(R"({"ddsource":"litellm","message":"cut {\"startTime\":1"})"),
            (Elements{{"cut", Kind::kNoObject}, {R"({"startTime":1)", Kind::kBroken}}));
  EXPECT_EQ(Open(R"({"ddsource":"litellm","message":"[{\"startTime\":1}"})").back().kind,
            Kind::kBroken)
      << "an array that is cut off";
}

TEST(EventEnvelopeTest, AnythingElseIsNoEvent) {
  for (const std::string other :
       {R"({})", R"({"__encrypted__":true,"payload":"AAAA"})", R"({"message":"{}"})",
        R"({"data":{"startTime":1}})", R"({"specversion":"1.0","data":7})"}) {
    EXPECT_EQ(Open(other), (Elements{{other, Kind::kOtherObject}}));
  }
  EXPECT_EQ(Open("7"), (Elements{{"7", Kind::kNoObject}}));
  EXPECT_EQ(Open(R"({"startTime":1)"), (Elements{{R"({"startTime":1)", Kind::kBroken}}));
  EXPECT_EQ(Open(R"({"startTime":1}})"), (Elements{{R"({"startTime":1}})", Kind::kBroken}}));
}

TEST(EventEnvelopeTest, EnvelopesAreOpenedToADepth) {
  std::string value = kEvent;
  for (int depth = 0; depth < EventEnvelope::kDepthMax; ++depth)
    value = R"({"data":[)" + value + "]}";
  EXPECT_EQ(Open(value), (Elements{{kEvent, Kind::kEvent}}));
  EXPECT_EQ(Open(R"({"data":[)" + value + "]}").front().kind, Kind::kOtherObject);
}

TEST(EventEnvelopeTest, AMessageNamesMembersButNoSecret) {
  EventEnvelope envelope({});
  EXPECT_EQ(envelope.MemberNames(R"({"a_b":1,"sk-1234":2,"x y":3,"c.d":4})"), "a_b, c.d");
  EXPECT_EQ(envelope.MemberNames(R"({"a":1,"b":2,"c":3,"d":4,"e":5,"f":6})"), "a, b, c, d, e");
  EXPECT_EQ(envelope.MemberNames("{"), "");
}

}  // namespace
}  // namespace usage_ingest::replay
