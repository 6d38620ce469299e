# cmake -C cmake/tsan.cmake -S . -B build-tsan: all tests under the thread sanitizer, assertions on.
#
# Tests on OpenMP run with clang++ only (-DCMAKE_CXX_COMPILER=clang++): g++'s libgomp has barriers that the sanitizer cannot see,
# so that every reduction would be reported as a race.
set(CMAKE_BUILD_TYPE Debug CACHE STRING "")
set(CMAKE_CXX_FLAGS_DEBUG "-O1" CACHE STRING "")
set(PARAPET_SANITIZE thread CACHE STRING "")
