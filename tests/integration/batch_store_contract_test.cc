// PgBatchStore on a real PostgreSQL keeps the contract that the simulation's fake keeps.
#include "tests/integration/postgres/postgres_fixture.h"
#include "tests/integration/postgres/postgres_world.h"

namespace usage_ingest::sim {
namespace {

constexpr char kDatabase[] = "litemaas";

// Constructed before the world, and destroyed after it.
class OwnServer : private postgres::PostgresTest {
 protected:
  OwnServer() { CreateMigrated(kDatabase); }
  [[nodiscard]] const support::PostgresCluster& server() const { return postgres_; }

 private:
  void TestBody() override {}
};

template <postgres::batch::ForeignKeys kForeignKeys>
class WorldOnItsOwnServer final : private OwnServer, public PostgresWorld {
 public:
  WorldOnItsOwnServer() : PostgresWorld(server(), kDatabase, kForeignKeys) {}
};

template <postgres::batch::ForeignKeys kForeignKeys>
std::unique_ptr<StoreWorld> MakeWorld() {
  return std::make_unique<WorldOnItsOwnServer<kForeignKeys>>();
}

INSTANTIATE_TEST_SUITE_P(Fast, BatchStoreContractTest,
                         ::testing::Values(&MakeWorld<postgres::batch::ForeignKeys::kBatch>));
INSTANTIATE_TEST_SUITE_P(Slow, BatchStoreContractTest,
                         ::testing::Values(&MakeWorld<postgres::batch::ForeignKeys::kConstraints>));

}  // namespace
}  // namespace usage_ingest::sim
