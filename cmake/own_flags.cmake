# Flags of Parapet's own programs: tests, examples, benchmarks. Nothing here reaches an embedder.

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo" FORCE)
endif()

option(PARAPET_WERROR "Treat warnings in Parapet's own programs as errors" OFF)
set(PARAPET_SANITIZE "" CACHE STRING "Sanitizers of Parapet's own programs: address, undefined, thread, or a list with commas")
set(PARAPET_MARCH auto CACHE STRING
    "-march of Parapet's own programs; 'auto' takes x86-64-v4 or x86-64-v3 where this machine has it, empty none")

# Levels and not 'native': a build folder may move to a machine of the same level. Eigen's products ran 1.6 times as fast on
# v4 as on v3 where this was measured (docs/architecture.md); where they do not, -DPARAPET_MARCH=x86-64-v3.
if(PARAPET_MARCH STREQUAL "auto" AND NOT DEFINED PARAPET_DETECTED_MARCH)
  set(detected "")
  if(NOT CMAKE_CROSSCOMPILING AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
    try_run(level compiles "${CMAKE_CURRENT_BINARY_DIR}/cpu" "${CMAKE_CURRENT_LIST_DIR}/cpu_level.cpp")
    if(compiles AND level MATCHES "^[34]$")
      set(detected x86-64-v${level})
    endif()
  endif()
  set(PARAPET_DETECTED_MARCH "${detected}" CACHE INTERNAL "")
  message(STATUS "Parapet: PARAPET_MARCH=auto chooses '${detected}'")
endif()
if(PARAPET_MARCH STREQUAL "auto")
  set(march "${PARAPET_DETECTED_MARCH}")
else()
  set(march "${PARAPET_MARCH}")
endif()
# Tests stay below AVX-512 unless told: g++ 12 warns of what it imagines at 64 bytes a register (GCC bug 105593 and the like).
set(test_march "${march}")
if(PARAPET_MARCH STREQUAL "auto" AND march STREQUAL "x86-64-v4")
  set(test_march x86-64-v3)
endif()

# CUDA as a language, for our own programs only: an embedder enables it where it wants it.
set(parapet_builds_cuda OFF)
if(TARGET parapet::cuda)
  include(CheckLanguage)
  if(NOT DEFINED ENV{CUDACXX} AND CUDAToolkit_NVCC_EXECUTABLE)  # the toolkit that was found, which may not be in PATH
    set(ENV{CUDACXX} "${CUDAToolkit_NVCC_EXECUTABLE}")
  endif()
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    set(choose_architectures OFF)
    if(NOT CMAKE_CUDA_ARCHITECTURES)
      set(choose_architectures ON)
      set(CMAKE_CUDA_ARCHITECTURES 80)
    endif()
    enable_language(CUDA)
    if(choose_architectures)
      set(CMAKE_CUDA_ARCHITECTURES 80 90)
      if(CMAKE_CUDA_COMPILER_VERSION VERSION_GREATER_EQUAL 12.8)
        list(APPEND CMAKE_CUDA_ARCHITECTURES 100 120)
      endif()
    endif()
    set(parapet_builds_cuda ON)
    message(STATUS "Parapet: CUDA programs by ${CMAKE_CUDA_COMPILER} ${CMAKE_CUDA_COMPILER_VERSION} for architectures ${CMAKE_CUDA_ARCHITECTURES}")
  endif()
endif()
if(PARAPET_CUDA AND NOT parapet_builds_cuda)
  set(unused "${CMAKE_CUDA_FLAGS_RELEASE}")  # read, or CMake warns of what check.cmake says
  message(STATUS "Parapet: CUDA programs skipped: no nvcc")
endif()

add_library(parapet_warnings INTERFACE)
target_compile_options(parapet_warnings INTERFACE
  "$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wconversion;-Wshadow;$<$<BOOL:${PARAPET_WERROR}>:-Werror>>"
  # g++ 12 at -O1 imagines an uninitialised variable in CUB's scan
  "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-Wno-maybe-uninitialized;$<$<BOOL:${PARAPET_WERROR}>:-Werror=all-warnings>>")

# g++ 12 imagines that AVX-512 intrinsics read what they leave undefined (GCC bug 105593; our headers say so by pragmas, which precompiled
# headers lose), and that packs reach behind the end of tiny arrays of known size. The sanitizers look for both.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(parapet_warnings INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:-Wno-uninitialized;-Wno-maybe-uninitialized;-Wno-array-bounds>")
endif()

add_library(parapet_own_flags INTERFACE)
target_link_libraries(parapet_own_flags INTERFACE parapet_warnings)
if(PARAPET_SANITIZE)
  target_compile_options(parapet_own_flags INTERFACE
    -fsanitize=${PARAPET_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  target_link_options(parapet_own_flags INTERFACE -fsanitize=${PARAPET_SANITIZE})
endif()

# What our programs link: the library, the add-ons that exist, the flags. parapet_own is for tests, parapet_own_fast for
# examples and benchmarks.
add_library(parapet_own INTERFACE)
add_library(parapet_own_fast INTERFACE)
set(host_only "$<IF:$<COMPILE_LANGUAGE:CUDA>,-Xcompiler=,>")  # nvcc hands -march on to the host compiler
target_compile_options(parapet_own INTERFACE $<$<BOOL:${test_march}>:${host_only}-march=${test_march}>)
target_compile_options(parapet_own_fast INTERFACE $<$<BOOL:${march}>:${host_only}-march=${march}>)
foreach(own IN ITEMS parapet_own parapet_own_fast)
  target_link_libraries(${own} INTERFACE parapet::parapet parapet_own_flags)
  foreach(add_on IN ITEMS xtensor hdf5)  # thrust_host and cuda are for the programs that ask for them
    if(TARGET parapet::${add_on})
      target_link_libraries(${own} INTERFACE parapet::${add_on})
      string(TOUPPER ${add_on} upper)
      target_compile_definitions(${own} INTERFACE WITH_${upper})
    endif()
  endforeach()
endforeach()
