# Finds the headers of Thrust and defines thrust::headers, unless that target exists: the embedder's CCCL or Thrust target, else
# those of a CUDA toolkit, else the system's (Debian's libthrust-dev). PARAPET_THRUST_INCLUDE_DIR names another folder.
#
# Headers are all that Thrust's host systems need, so its CMake package is not asked: that sets up the CUDA system by default.
# Used by Parapet's build and by its installed package.
if(NOT TARGET thrust::headers)
  set(target "")
  foreach(name IN ITEMS CCCL::Thrust Thrust::Thrust)
    if(TARGET ${name})
      set(target ${name})
      break()
    endif()
  endforeach()
  if(NOT target)
    find_program(PARAPET_NVCC nvcc PATHS /usr/local/cuda/bin)
    cmake_path(GET PARAPET_NVCC PARENT_PATH toolkit)
    find_path(PARAPET_THRUST_INCLUDE_DIR thrust/version.h HINTS "${toolkit}/../include" ENV CUDA_PATH PATH_SUFFIXES cccl include/cccl include)
    mark_as_advanced(PARAPET_NVCC PARAPET_THRUST_INCLUDE_DIR)
  endif()
  if(target OR PARAPET_THRUST_INCLUDE_DIR)
    add_library(thrust::headers INTERFACE IMPORTED)
    if(target)
      target_link_libraries(thrust::headers INTERFACE ${target})
    else()
      target_include_directories(thrust::headers INTERFACE "${PARAPET_THRUST_INCLUDE_DIR}")
    endif()
  endif()
endif()
