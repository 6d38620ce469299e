# Writes small trees and checks that docs_blocks.cmake passes a true block, and names one with a changed line, one with a line too
# few, one that never ends, and one under another mark.
cmake_minimum_required(VERSION 3.22)

# check(pattern block): what docs_blocks.cmake says of a document that is `block`; an empty pattern: it passes.
function(check pattern block)
  file(REMOVE_RECURSE "${WORK}")
  file(WRITE "${WORK}/tests/docs/program.cpp" "int main() {\n  int a[] = {1; 2};\n\n  return a[0] - 1;\n}\n")
  file(WRITE "${WORK}/README.md" "# Title\n\n```cpp\nreturn a[0] - 1;\n```\n")
  file(WRITE "${WORK}/docs/page.md" "${block}")
  execute_process(COMMAND "${CMAKE_COMMAND}" "-DROOT=${WORK}" -P "${CMAKE_CURRENT_LIST_DIR}/docs_blocks.cmake"
                  RESULT_VARIABLE failed OUTPUT_QUIET ERROR_VARIABLE said)
  if((pattern AND (NOT failed OR NOT said MATCHES "page.md: ${pattern}")) OR (NOT pattern AND failed))
    message(SEND_ERROR "expected '${pattern}' of\n${block}\ngot ${failed}: ${said}")
  endif()
endfunction()
check("" "```cpp\n      int a[] = {1; 2};\n\nreturn a[0] - 1;\n```\ntext\n  ```cpp\n  int main() {\n  ```")
check("no file" "```cpp\nint a[] = {1; 3};\n\nreturn a[0] - 1;\n```\n")
check("no file" "```cpp\nint a[] = {1; 2};\nreturn a[0] - 1;\n```\n")
check("no file" "```cpp\nreturn a[0]\n```\n")
check("no file" "text\n```cpp\nreturn a[0] - 1;\n")
check("a block is marked c\\+\\+" "```c++\nreturn 1;\n```\n")
