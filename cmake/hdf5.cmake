# Finds the HDF5 C library and defines hdf5::hdf5, unless that target exists. HDF5_ROOT is searched first.
#
# CMake's FindHDF5 compiles C programs, so it fails in a project with LANGUAGES CXX; the C library of a C++ program
# needs a path and a library. Used by Parapet's build and by its installed package.
if(NOT TARGET hdf5::hdf5)
  set(suffixes include include/hdf5/serial hdf5/serial)
  find_path(PARAPET_HDF5_INCLUDE_DIR hdf5.h HINTS "${HDF5_ROOT}" ENV HDF5_ROOT PATH_SUFFIXES ${suffixes})
  find_library(PARAPET_HDF5_LIBRARY NAMES hdf5_serial hdf5 HINTS "${HDF5_ROOT}" ENV HDF5_ROOT PATH_SUFFIXES lib)
  mark_as_advanced(PARAPET_HDF5_INCLUDE_DIR PARAPET_HDF5_LIBRARY)
  if(PARAPET_HDF5_INCLUDE_DIR AND PARAPET_HDF5_LIBRARY)
    add_library(hdf5::hdf5 UNKNOWN IMPORTED)
    set_target_properties(hdf5::hdf5 PROPERTIES
      IMPORTED_LOCATION "${PARAPET_HDF5_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${PARAPET_HDF5_INCLUDE_DIR}")
  endif()
endif()
