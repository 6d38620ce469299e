# cmake -C cmake/dev.cmake -S . -B build-dev: assertions on, warnings are errors.
set(CMAKE_BUILD_TYPE Debug CACHE STRING "")
set(CMAKE_CXX_FLAGS_DEBUG "-g -Og" CACHE STRING "")
set(CMAKE_EXPORT_COMPILE_COMMANDS ON CACHE BOOL "")
set(PARAPET_WERROR ON CACHE BOOL "")
