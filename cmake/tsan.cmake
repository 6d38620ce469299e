# cmake -C cmake/tsan.cmake -S . -B build-tsan: all tests under the thread sanitizer, assertions on.
set(CMAKE_BUILD_TYPE Debug CACHE STRING "")
set(CMAKE_CXX_FLAGS_DEBUG "-O1" CACHE STRING "")
set(PARAPET_SANITIZE thread CACHE STRING "")
