# cmake -P cmake/quickstart.cmake: sets up what is missing, builds, and runs the main jobs, all under build/.
#
# They learn a safe controller for a robot among hazards from logged data (examples/point_robot_fisor.cpp), and a moderation model from
# labelled texts (examples/train_guard.cpp).
# Before -P, -DPARAPET_INSTALL_PACKAGES=OFF installs nothing and -DPARAPET_FETCH_DEPENDENCIES=OFF downloads nothing.
include("${CMAKE_CURRENT_LIST_DIR}/setup.cmake")
parapet_configure(-D PARAPET_BUILD_TESTS=OFF -D PARAPET_HTTP=OFF)
parapet_build(--target point_robot_fisor train_guard)
parapet_step("the robot" "${build}/examples/point_robot_fisor" --out "${build}/point_robot_fisor")
parapet_step("the guard" "${build}/examples/train_guard" --data "${source}/examples/data/moderation_train.jsonl"
             --choose "${source}/examples/data/moderation_choose.jsonl" --test "${source}/examples/data/moderation_test.jsonl"
             --out "${build}/guard")
