// GroupAssignmentQuery against librdkafka's mock cluster, which does not answer such requests.
//
// The story: the demo on Debian 13 ended with "Assertion `eonce->refcnt > 0' failed". librdkafka
// answered a request to a coordinator twice if it could not be sent, and the second answer used
// freed memory (tools/librdkafka.patch).
#include <gtest/gtest.h>
#include <malloc.h>

#include "ingest/kafka/client/group_assignment_query.h"
#include "tests/integration/kafka/mock_cluster.h"
#include "tests/support/wait.h"

namespace usage_ingest::kafka::consumer {
namespace {

using namespace std::chrono_literals;

class GroupAssignmentMockTest : public ::testing::Test {
 protected:
  // Freed memory changes, so that its use is seen (mallopt(3)).
  static void SetUpTestSuite() { ASSERT_EQ(mallopt(M_PERTURB, 0xA5), 1); }
  static void TearDownTestSuite() { mallopt(M_PERTURB, 0); }

  // The broker answers none of them, so this is an error, after a time-out at the latest.
  void ExpectAnError() {
    client::GroupAssignmentQuery query(client_.get());
    query.Ask("g");
    std::optional<Result<std::set<TopicPartition>>> answer;
    ASSERT_TRUE(support::WaitUntil(support::After(30s),
                                   [&] { return (answer = query.Take()).has_value(); }));
    EXPECT_FALSE(answer->has_value());
  }

  MockCluster cluster_;
  support::KafkaHandle client_ =
      support::MakeKafkaHandle(RD_KAFKA_CONSUMER, {{"bootstrap.servers", cluster_.brokers()},
                                                   {"group.id", "g"},
                                                   {"socket.timeout.ms", "1000"},
                                                   {"reconnect.backoff.ms", "10"},
                                                   {"reconnect.backoff.max.ms", "10"}});
};

TEST_F(GroupAssignmentMockTest, ARequestThatTheBrokerDoesNotKnow) {
  for (int i = 0; i < 20; ++i) ExpectAnError();
}

TEST_F(GroupAssignmentMockTest, ARequestThatIsTimedOutWhenItsCoordinatorComesBack) {
  ExpectAnError();
  cluster_.SetDown(1);
  ExpectAnError();
  cluster_.SetUp(1);
  for (int i = 0; i < 20; ++i) ExpectAnError();
}

}  // namespace
}  // namespace usage_ingest::kafka::consumer
