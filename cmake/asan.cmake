# cmake -C cmake/asan.cmake -S . -B build-asan: all tests under the address and undefined-behaviour sanitizers, assertions on.
set(CMAKE_BUILD_TYPE Debug CACHE STRING "")
set(CMAKE_CXX_FLAGS_DEBUG "-O1" CACHE STRING "")
set(PARAPET_SANITIZE address,undefined CACHE STRING "")
