#pragma once
// Faults: what goes wrong between a lane and PostgreSQL, and the bugs that a simulation plants to
// see whether it would find them.
//
// Owner         one simulation.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tests/sim/random.h"

namespace usage_ingest::sim {

// Bugs that a batch store, or what stands around it, could have. The simulation must find each.
enum class PlantedBug : unsigned char {
  kNone,
  kCasIgnored,            // the offsets rows are moved whatever they hold
  kDuplicatesAccepted,    // the primary key is not looked at
  kSilentReconnect,       // recent ids outlive the connection that they were committed on
  kAggregatedTwice,       // sums of an attempt that failed are added again by the next one
  kLostCommitRetried,     // a lost COMMIT is taken for "not committed", and the CAS made to fit
  kLostCommitBelieved,    // a lost COMMIT is taken for "committed"
  kAckBeforeCommit,       // COMMIT is answered before it is done
  kEpochIgnored,          // lanes write what was given up
  kRowsOutsideOfCommit,   // rows stay when the transaction is rolled back
  kParentsNotLocked,      // a parent can vanish under its rows
  kDeadLettersDropped,    // counted, but not written
  kQuotasDropped,         // the counters are left alone when the staged path was taken
  kSuspensionTwice,       // reported where it is decided, outside of the transaction, and at COMMIT
  kSumsOverwritten,       // lanes read sums, add, write: of two at a time one is lost
  kOffsetsAfterRows,      // the offsets have a transaction of their own, after that of the rows
  kZombieLeftAlone,       // a process stopped inside a transaction blocks its partition without end
  kKafkasOffsetBelieved,  // reading begins where Kafka's offset says: behind a crash after COMMIT
  kKafkaAhead,            // what was read is committed to Kafka, not what was stored
  kGapNotTold,            // records that retention took are stepped over in silence
  kWentBackUnnoticed,     // no process checks whether the database went back
  kBytesIgnored,          // a batch grows whatever its records weigh
  kTopicIdIgnored,        // a recreated topic is read on where the old one was
  kElectionUnnoticed,     // a log that an unclean election replaced is read on in the middle
  kLettersOfAllLogs,      // dead letters of another log at the same offset are taken for the same
  kRefusalHeld,           // sums that are refused look like a failure that passes
  kPieceNotUndone,        // what was refused stays in the transaction, sums and rows
  kFailureRefuses,        // a failure that passes looks like a refusal
  kHistoryDropped,        // the history is left alone when the staged path was taken
  kHistoryDeleted,        // it goes with its subscription
};
inline constexpr std::array<std::string_view, 30> kPlantedBugNames = {"None",
                                                                      "CasIgnored",
                                                                      "DuplicatesAccepted",
                                                                      "SilentReconnect",
                                                                      "AggregatedTwice",
                                                                      "LostCommitRetried",
                                                                      "LostCommitBelieved",
                                                                      "AckBeforeCommit",
                                                                      "EpochIgnored",
                                                                      "RowsOutsideOfCommit",
                                                                      "ParentsNotLocked",
                                                                      "DeadLettersDropped",
                                                                      "QuotasDropped",
                                                                      "SuspensionTwice",
                                                                      "SumsOverwritten",
                                                                      "OffsetsAfterRows",
                                                                      "ZombieLeftAlone",
                                                                      "KafkasOffsetBelieved",
                                                                      "KafkaAhead",
                                                                      "GapNotTold",
                                                                      "WentBackUnnoticed",
                                                                      "BytesIgnored",
                                                                      "TopicIdIgnored",
                                                                      "ElectionUnnoticed",
                                                                      "LettersOfAllLogs",
                                                                      "RefusalHeld",
                                                                      "PieceNotUndone",
                                                                      "FailureRefuses",
                                                                      "HistoryDropped",
                                                                      "HistoryDeleted"};

// The await points of a lane: before and after each step's effect.
enum class Step : unsigned char {
  kConnect,
  kIsCommitted,
  kAttribute,
  kEnsurePartition,
  kBegin,
  kBeginPiece,
  kCopyRows,
  kStageRows,
  kAddSums,
  kEndPiece,
  kAddDeadLetters,
  kRecordOutcomes,
  kCommit,
};
struct AwaitPoint {
  Step step{};
  bool is_after = false;
};
// How often something happened at each.
using AwaitPoints = std::array<std::array<std::int64_t, 2>, 13>;
inline std::int64_t& At(AwaitPoints& points, AwaitPoint at) {
  return points.at(static_cast<std::size_t>(at.step)).at(at.is_after ? 1 : 0);
}

enum class Fault : unsigned char { kNone, kConnectionLost, kConflict, kHiccup };
enum class CommitFault : unsigned char { kNone, kNotDone, kDone, kDoneLater };

class Faults {
 public:
  explicit Faults(Random& random) : random_(random) {}

  std::size_t per_thousand = 0;  // at each await point
  bool is_server_down = false;
  bool is_slow = false;  // steps take time, besides letting others run
  // What it was good for.
  AwaitPoints crashes{};  // the process was killed
  AwaitPoints losses{};   // the connection was lost

  [[nodiscard]] Random& random() { return random_; }
  [[nodiscard]] Fault Draw() {
    if (is_server_down) return Fault::kConnectionLost;
    if (!random_.PerThousand(per_thousand)) return Fault::kNone;
    return static_cast<Fault>(random_.Between(1, 3));
  }
  // Of the moment at which COMMIT's reply can be lost.
  [[nodiscard]] CommitFault DrawCommit() {
    if (is_server_down) return CommitFault::kNotDone;
    if (!random_.PerThousand(per_thousand * 2)) return CommitFault::kNone;
    return static_cast<CommitFault>(random_.Between(1, 3));
  }

 private:
  Random& random_;
};

}  // namespace usage_ingest::sim
