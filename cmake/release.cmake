# cmake -C cmake/release.cmake -S . -B build-release: what the tables in docs/ were measured with.
set(CMAKE_BUILD_TYPE Release CACHE STRING "")
set(PARAPET_MARCH x86-64-v3 CACHE STRING "")
set(PARAPET_BUILD_BENCHMARKS ON CACHE BOOL "")
