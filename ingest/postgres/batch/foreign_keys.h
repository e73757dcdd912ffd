#pragma once
// ForeignKeys: how the foreign keys of usage_logs are kept.

namespace usage_ingest::postgres::batch {

// How COPY treats foreign keys and triggers (config postgres.foreign_keys).
enum class ForeignKeys : unsigned char {
  kAuto,         // kBatch when the role may, else kConstraints
  kBatch,        // the batch's locks on the parents replace the constraints
  kConstraints,  // constraints and triggers stay on
};

}  // namespace usage_ingest::postgres::batch
