# cmake -P cmake/check.cmake: sets up what is missing, builds everything, and runs all tests, all under build/.
#
# Before -P, -DPARAPET_INSTALL_PACKAGES=OFF installs nothing and -DPARAPET_FETCH_DEPENDENCIES=OFF downloads nothing.
# Where nvcc is, all .cuh and CUDA programs are compiled and linked too, for one architecture as that is quickest, and those that
# need a device skip themselves where there is none; -DPARAPET_CUDA=OFF leaves them out. cmake/gpu.cmake builds for all.
include("${CMAKE_CURRENT_LIST_DIR}/setup.cmake")
foreach(default IN ITEMS PARAPET_HTTP=ON PARAPET_CUDA=ON CMAKE_CUDA_ARCHITECTURES=80 "CMAKE_CUDA_FLAGS_RELEASE=-O1 -DNDEBUG")
  string(REGEX REPLACE "=.*" "" variable "${default}")
  if(NOT DEFINED ${variable})
    list(APPEND defaults -D "${default}")
  endif()
endforeach()
parapet_configure(-D PARAPET_BUILD_TESTS=ON ${defaults})
parapet_build()
parapet_step("testing" "${CMAKE_CTEST_COMMAND}" --test-dir "${build}" --output-on-failure --parallel ${cores})
