# cmake -P cmake/check.cmake: sets up what is missing, builds everything, and runs all tests, all under build/.
#
# Before -P, -DPARAPET_INSTALL_PACKAGES=OFF installs nothing and -DPARAPET_FETCH_DEPENDENCIES=OFF downloads nothing.
include("${CMAKE_CURRENT_LIST_DIR}/setup.cmake")
parapet_configure(-D PARAPET_BUILD_TESTS=ON)
parapet_build()
parapet_step("testing" "${CMAKE_CTEST_COMMAND}" --test-dir "${build}" --output-on-failure --parallel ${cores})
