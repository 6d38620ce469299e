# cmake -P cmake/quickstart.cmake: sets up what is missing, builds, and runs the main job, all under build/.
#
# The job learns a safe controller for a robot among hazards from logged data: examples/point_robot_fisor.cpp.
# Before -P, -DPARAPET_INSTALL_PACKAGES=OFF installs nothing and -DPARAPET_FETCH_DEPENDENCIES=OFF downloads nothing.
include("${CMAKE_CURRENT_LIST_DIR}/setup.cmake")
parapet_configure(-D PARAPET_BUILD_TESTS=OFF -D PARAPET_HTTP=OFF)
parapet_build(--target point_robot_fisor)
parapet_step("the main job" "${build}/examples/point_robot_fisor" --out "${build}/point_robot_fisor")
