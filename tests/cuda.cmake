# parapet_add_cuda_test(<folder> <typed source>...): test_<folder>_cuda from the typed sources, each included by a .cu file of its own
# (a .cpp compiled as CUDA breaks the device link), and from tests/<folder>/*.cu. Nothing where CUDA programs are not built.
#
# The programs run where a device answers, and else exit with 77: ctest shows them as skipped. cmake/gpu.cmake runs them all, and
# again under compute-sanitizer.
if(parapet_builds_cuda)
  add_library(test_support_cuda OBJECT support/device_main.cu support/allocation_counter.cpp)
  target_include_directories(test_support_cuda PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}")
  target_link_libraries(test_support_cuda PUBLIC parapet_own parapet::cuda doctest::doctest)
  target_compile_definitions(test_support_cuda PUBLIC DOCTEST_CONFIG_SUPER_FAST_ASSERTS)
  target_compile_options(test_support_cuda PUBLIC $<$<COMPILE_LANGUAGE:CUDA>:-lineinfo>)  # for compute-sanitizer
else()
  add_test(NAME cuda.programs COMMAND "${CMAKE_COMMAND}" -E echo "skipped: no nvcc, or PARAPET_CUDA is off")
  set_tests_properties(cuda.programs PROPERTIES SKIP_REGULAR_EXPRESSION "skipped")
endif()
add_custom_target(gpu_suite)

function(parapet_add_cuda_test folder)
  file(GLOB units CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cu")
  foreach(source IN LISTS ARGN)
    cmake_path(GET source STEM name)
    set(unit "${CMAKE_CURRENT_BINARY_DIR}/cuda/${folder}.${name}.cu")
    file(CONFIGURE OUTPUT "${unit}" CONTENT "#include \"${folder}/${name}.cpp\"\n" @ONLY)
    list(APPEND units "${unit}")
  endforeach()
  if(parapet_builds_cuda AND units)
    add_executable(test_${folder}_cuda ${units})
    target_link_libraries(test_${folder}_cuda PRIVATE test_support_cuda)
    add_test(NAME ${folder}.cuda COMMAND test_${folder}_cuda WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
    set_tests_properties(${folder}.cuda PROPERTIES LABELS gpu SKIP_RETURN_CODE 77)
    add_dependencies(gpu_suite test_${folder}_cuda)
    set_property(GLOBAL APPEND PROPERTY parapet_gpu_programs "$<TARGET_FILE:test_${folder}_cuda>")
  endif()
endfunction()

# gpu_suite.txt: the programs of parapet_add_cuda_test, for cmake/gpu.cmake.
function(parapet_write_gpu_suite)
  get_property(programs GLOBAL PROPERTY parapet_gpu_programs)
  list(JOIN programs "\n" lines)
  file(GENERATE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/gpu_suite.txt" CONTENT "${lines}\n")
endfunction()
