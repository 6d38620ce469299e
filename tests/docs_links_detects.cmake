# Writes small trees and checks that docs_links.cmake passes good links, and names a missing file, heading and benchmark.
cmake_minimum_required(VERSION 3.22)

# check(pattern text): what docs_links.cmake says of a page that is `text`; an empty pattern: it passes.
function(check pattern text)
  file(REMOVE_RECURSE "${WORK}")
  file(WRITE "${WORK}/tests/bench/speed.cpp" "")
  file(WRITE "${WORK}/README.md" "# Title\n\n[a page](docs/page.md)\n")
  file(WRITE "${WORK}/docs/page.md" "# Page\n\n## Which one, and `why`?\n\n${text}\n")
  execute_process(COMMAND "${CMAKE_COMMAND}" "-DROOT=${WORK}" -P "${CMAKE_CURRENT_LIST_DIR}/docs_links.cmake"
                  RESULT_VARIABLE failed OUTPUT_QUIET ERROR_VARIABLE said)
  string(REGEX REPLACE "[ \n]+" " " said "${said}")
  if((pattern AND (NOT failed OR NOT said MATCHES "page.md: ${pattern}")) OR (NOT pattern AND failed))
    message(SEND_ERROR "expected '${pattern}' of\n${text}\ngot ${failed}: ${said}")
  endif()
endfunction()
check("" "[a](#which-one-and-why), [b](../README.md#title), [c](https://example.org/x#y), [](int i) { f[i]; }, `bench_speed`")
check("page.mb: no such file" "[a](page.mb)")
check("#which-one: no such heading" "[a](#which-one)")
check("../README.md#page: no such heading" "text [a](../README.md) [b](../README.md#page)")
check("bench_speeds: no such benchmark" "`bench_speeds`")
