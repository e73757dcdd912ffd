# usage_ingest_module(<name> SOURCES ... [PUBLIC libs...] [PRIVATE libs...]): a static library
# usage_ingest::<name> that sees headers by their path from the top of the tree.
function(usage_ingest_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(usage_ingest_${name} STATIC ${ARG_SOURCES})
  add_library(usage_ingest::${name} ALIAS usage_ingest_${name})
  target_include_directories(usage_ingest_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(usage_ingest_${name}
    PUBLIC usage_ingest_sanitize ${ARG_PUBLIC}
    PRIVATE usage_ingest_warnings ${ARG_PRIVATE})
endfunction()

# Target tests_<label> builds the programs of a label and nothing else (tools/test).
function(usage_ingest_count_in label target)
  if(NOT TARGET tests_${label})
    add_custom_target(tests_${label})
  endif()
  add_dependencies(tests_${label} ${target})
endfunction()

# usage_ingest_test_program(<label> <source> [libs...]): one GoogleTest executable <label>_<stem> for one
# *_test.cc.
function(usage_ingest_test_program label source)
  get_filename_component(stem ${source} NAME_WE)
  set(target ${label}_${stem})
  add_executable(${target} ${source})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${target} PRIVATE ${ARGN}
    usage_ingest_warnings usage_ingest_sanitize GTest::gmock GTest::gtest GTest::gtest_main)
  usage_ingest_count_in(${label} ${target})
endfunction()

# usage_ingest_test(<label> <source> [ALONE] [libs...]): such an executable, whose cases become ctest
# cases with the label, which is the folder: unit, sim, integration, fault, ...
# ALONE: no other test runs beside it.
function(usage_ingest_test label source)
  cmake_parse_arguments(ARG "ALONE" "" "" ${ARGN})
  usage_ingest_test_program(${label} ${source} ${ARG_UNPARSED_ARGUMENTS})
  get_filename_component(stem ${source} NAME_WE)
  set(target ${label}_${stem})
  # ctest starts tests of high cost first, so that none of them is left over at the end.
  set(cost_fault 30)
  set(cost_integration 20)
  set(cost_support 10)
  set(cost_sim 5)
  set(cost ${cost_${label}})
  if(NOT cost)
    set(cost 1)
  endif()
  set(alone FALSE)
  if(ARG_ALONE)
    set(alone TRUE)
  endif()
  gtest_discover_tests(${target} TEST_PREFIX ${label}/ DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS ${label} TIMEOUT 600 COST ${cost} RUN_SERIAL ${alone})
endfunction()
