# usage_ingest_embed_migrations(<output.cc> <name>...): the texts of sql/<name>.sql as a C++ table,
# each with its number and the SHA-256 of its file. Made at configure time; a changed file configures
# again.
function(usage_ingest_embed_migrations output)
  set(entries "")
  foreach(name ${ARGN})
    set(file ${CMAKE_CURRENT_SOURCE_DIR}/sql/${name}.sql)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${file} text)
    file(SHA256 ${file} checksum)
    string(REGEX MATCH "^[0-9]+" number ${name})
    math(EXPR number "1${number} - 10000")  # without leading zeros
    string(APPEND entries
      "    {${number}, \"${name}\",\n     \"${checksum}\",\n     R\"usage_sql(${text})usage_sql\"},\n")
  endforeach()
  file(CONFIGURE OUTPUT ${output} @ONLY CONTENT
"// Generated from schema/sql by embed_migrations.cmake.
#include \"schema/migrations.h\"

namespace usage_ingest {
namespace {

constexpr Migration kMigrations[] = {
@entries@};

}  // namespace

std::span<const Migration> Migrations() { return kMigrations; }

}  // namespace usage_ingest
")
endfunction()
