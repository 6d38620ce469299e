# cmake -P cmake/fuzz.cmake: the readers of files under libFuzzer with the address and undefined sanitizers.
#
#     cmake -DRUNS=10000000 -DTARGETS="gguf;json" -P cmake/fuzz.cmake
#
# Builds tests/fuzz/*.cpp with clang in build/fuzz and runs each for RUNS executions (default 1000000), one process at a time, from
# the seeds in tests/fuzz/corpus and what earlier runs found in build/fuzz/<target>.corpus. Stops at the first finding; its input is
# left as build/fuzz/<target>-*, and `build/fuzz/<target> FILE` shows it again. Inputs have at most 512 bytes, or what the largest
# seed has. -DCOMPILER: the path of clang++. -DLAUNCHER="nice;-n;15" goes before each run.
cmake_minimum_required(VERSION 3.22)
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH source)
if(NOT DEFINED RUNS)
  set(RUNS 1000000)
endif()
if(NOT DEFINED BUILD)
  set(BUILD "${source}/build/fuzz")
endif()
if(NOT DEFINED COMPILER)
  find_program(COMPILER NAMES clang++ clang++-19 clang++-18 clang++-17 clang++-16 clang++-15 clang++-14)
endif()
if(NOT COMPILER)
  message(FATAL_ERROR "Parapet: no clang++ found (Debian: apt-get install clang)")
endif()
if(NOT DEFINED TARGETS)
  file(GLOB sources "${source}/tests/fuzz/*.cpp")
  foreach(file IN LISTS sources)
    cmake_path(GET file STEM name)
    list(APPEND TARGETS ${name})
  endforeach()
endif()

file(MAKE_DIRECTORY "${BUILD}")
foreach(name IN LISTS TARGETS)
  message(STATUS "Parapet: building fuzz target ${name}")
  execute_process(
    COMMAND ${COMPILER_LAUNCHER} "${COMPILER}" -std=c++20 -O2 -g1 -DFUZZ_WITH_LIBFUZZER -DWITH_XTENSOR -fsanitize=fuzzer,address,undefined
            -fno-sanitize-recover=all -I "${source}/include" -I "${source}/tests" "${source}/tests/fuzz/${name}.cpp" -o "${BUILD}/${name}"
    RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "Parapet: fuzz target ${name} does not compile")
  endif()
endforeach()

foreach(name IN LISTS TARGETS)
  message(STATUS "Parapet: ${RUNS} executions of ${name}, log in ${BUILD}/${name}.log")
  file(MAKE_DIRECTORY "${BUILD}/${name}.corpus")
  file(GLOB seeds "${source}/tests/fuzz/corpus/${name}/*")
  set(longest 512)
  foreach(seed IN LISTS seeds)
    file(SIZE "${seed}" size)
    if(size GREATER longest)
      set(longest ${size})
    endif()
  endforeach()
  string(TIMESTAMP begin "%s")
  execute_process(
    COMMAND ${LAUNCHER} "${BUILD}/${name}" -runs=${RUNS} -max_len=${longest} -timeout=10 -malloc_limit_mb=256 -rss_limit_mb=1024
            -print_final_stats=1 "-artifact_prefix=${BUILD}/${name}-" "${BUILD}/${name}.corpus" "${source}/tests/fuzz/corpus/${name}"
    WORKING_DIRECTORY "${BUILD}" OUTPUT_FILE "${BUILD}/${name}.log" ERROR_FILE "${BUILD}/${name}.log" RESULT_VARIABLE failed)
  string(TIMESTAMP end "%s")
  math(EXPR seconds "${end} - ${begin}")
  file(STRINGS "${BUILD}/${name}.log" executions REGEX "^stat::number_of_executed_units" LIMIT_COUNT 1)
  string(REGEX REPLACE "[^0-9]" "" executions "${executions}")
  if(failed)
    file(STRINGS "${BUILD}/${name}.log" reason REGEX "^SUMMARY|ERROR: |runtime error|Test unit written" LIMIT_COUNT 6)
    list(JOIN reason "\n  " reason)
    message(FATAL_ERROR "Parapet: ${name}: a finding after ${seconds} s:\n  ${reason}")
  endif()
  message(STATUS "Parapet: ${name}: ${executions} executions in ${seconds} s, no finding")
endforeach()
