#pragma once
// The bounds that modules share or that depend on each other: unit, reason, relation to the others.
#include <chrono>
#include <cstddef>

namespace usage_ingest::limits {

using namespace std::chrono_literals;

// -- columns of the seed schema ---------------------------------------------------------------
inline constexpr std::size_t kVarcharChars = 255;  // VARCHAR(255): model_id, litellm_request_id
// The column is TEXT; a traceback would take more space than all the rest of a row.
inline constexpr std::size_t kErrorMessageChars = 2000;
inline constexpr long long kCostMicrosEnd = 10'000'000'000;  // DECIMAL(10,6) holds < 10,000

// -- events -----------------------------------------------------------------------------------
inline constexpr std::size_t kRecordBytesMax = 8 << 20;  // default of events.record_bytes_max
inline constexpr std::size_t kDeadLetterPayloadBytesMax = 1 << 20;
// Elements or lines of one record. A record is one transaction: four million bad elements, which is
// what 8 MiB of `5,5,5` are, would need gigabytes and never commit. Of LiteLLM's events, 2 KB each,
// kRecordBytesMax holds a twentieth of this.
inline constexpr std::size_t kRecordElementsMax = 100'000;
inline constexpr auto kEventAgeMax = std::chrono::years(10);
inline constexpr auto kEventAheadMax = std::chrono::days(1);

// -- PostgreSQL sessions ----------------------------------------------------------------------
// Well below deadlock_timeout (1 s), so that we are the victim of a lock cycle and retry.
inline constexpr auto kLockTimeout = 250ms;
inline constexpr auto kPostgresDeadlockTimeout = 1000ms;
static_assert(kLockTimeout * 2 < kPostgresDeadlockTimeout);
// For the first lock of a batch that was blocked for long, and for the turn of the sums: a stalled
// session is found within it.
inline constexpr auto kLockTimeoutBlocked = 3s;
// Of commands that take strong locks, which make all later statements on the table wait. With the
// work of a migration step, up to 30 ms, it is below the 100 ms that LiteMaaS may be delayed.
inline constexpr auto kLockTimeoutMigrate = 60ms;
inline constexpr auto kLockTimeoutRetire = 80ms;
// Rows of summaries only; the lanes wait for the same ones.
inline constexpr auto kLockTimeoutRebuild = 200ms;
// A support bundle leaves out what a busy database does not answer.
inline constexpr auto kLockTimeoutBundle = 2s;
inline constexpr auto kStatementTimeoutBundle = 10s;
// How long a command repeats a statement that a lock refuses, before it gives up.
inline constexpr auto kCommandLockWaitMax = 10min;
// The same for new partitions: the daemon has made them long before they are needed.
inline constexpr auto kEnsureLockWaitMax = 1min;
// A batch that needs more is repeated in smaller pieces, so it costs little when it is exceeded.
inline constexpr auto kStatementTimeout = 12s;
// The answer may come this much later than the server's own timeout, or the session is broken.
inline constexpr auto kReplyMargin = 8s;
inline constexpr auto kIdleInTransactionTimeout = 10s;
// A silent network cut is noticed within this.
inline constexpr auto kTcpUserTimeout = 8s;
inline constexpr auto kConnectTimeout = 5s;
// A lane that was blocked for kStalledBlocksMax looks which session blocks it. One of the daemon's
// that has sent nothing for kStalledSilentMax is stalled and is ended. With Kafka's shortest
// session (6 s) and its heartbeats (1.5 s) the others go on within ten seconds. A live session that
// is ended by mistake loses one attempt.
inline constexpr auto kStalledBlocksMax = 500ms;
// The same for a wait for the turn. It is longer, because lanes of large batches wait for each
// other.
inline constexpr auto kStalledTurnBlocksMax = 1s;
inline constexpr auto kStalledSilentMax = 800ms;

// -- narrowing: what the database refuses is found and set aside within a minute (INV-9) --------
// After this, a piece that is refused is not divided further.
inline constexpr auto kNarrowingDivides = 8s;
// After this, a piece is not tried.
inline constexpr auto kNarrowingTries = 16s;
// When everything is refused, the database may be at fault as a whole: a trigger that is being
// replaced. Dead letters are made when that lasts longer, and then without waiting for a while, so
// that many batches of refused events do not add up.
inline constexpr auto kAllRefusedHeld = 12s;
inline constexpr auto kAllRefusedRemembered = 10min;
static_assert(2 * kStatementTimeout + kNarrowingTries + kAllRefusedHeld < 1min + kStatementTimeout);

// -- watchdog of systemd ----------------------------------------------------------------------
// The shortest WatchdogSec that `run` accepts. A lane makes progress at least with each statement,
// and the watchdog is fed three times a period.
inline constexpr auto kWatchdogPeriodMin = 60s;
static_assert(kStatementTimeout + kReplyMargin + kWatchdogPeriodMin / 3 < kWatchdogPeriodMin);

// -- back-off ---------------------------------------------------------------------------------
inline constexpr auto kBackoffMin = 50ms;
inline constexpr auto kBackoffMax = 5s;  // also between starts of the consumer
// After a lock that was refused before any row was sent: such an attempt is cheap, and the sooner
// the next one comes, the sooner a stalled session is found.
inline constexpr auto kLockBackoffMax = 500ms;

// -- consumer ---------------------------------------------------------------------------------
// What a record in memory costs beside its value: rd_kafka_op_t of a message in librdkafka
// with malloc's rounding, and its part of the fetch buffer's headers.
inline constexpr std::size_t kRecordOverheadBytes = 512;
inline constexpr auto kPollTimeout = 100ms;
// At a full queue the consumer does not poll for this long before it pauses (architecture, INV-6).
inline constexpr auto kFullQueueWaitMax = 1s;
inline constexpr auto kKafkaCommitInterval = 1s;
// Between two looks at whether PostgreSQL went back; each costs a session and a statement.
inline constexpr auto kPositionCheckInterval = 30s;

}  // namespace usage_ingest::limits
