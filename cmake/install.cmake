# Install rules: headers, the targets, and a package file that finds the dependencies again.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(destination "${CMAKE_INSTALL_DATAROOTDIR}/cmake/parapet")
install(DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}/include/parapet" DESTINATION include)

# An add-on is a component with a file of targets of its own: a project that does not ask for it need not have its dependency.
install(TARGETS parapet EXPORT parapet)
install(EXPORT parapet NAMESPACE parapet:: DESTINATION "${destination}" FILE parapet-targets.cmake)
foreach(add_on IN LISTS parapet_add_ons)
  if(TARGET parapet_${add_on})
    install(TARGETS parapet_${add_on} EXPORT parapet-${add_on})
    install(EXPORT parapet-${add_on} NAMESPACE parapet:: DESTINATION "${destination}" FILE parapet-${add_on}-targets.cmake)
  endif()
endforeach()

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/parapet-config.cmake.in"
  "${CMAKE_CURRENT_BINARY_DIR}/parapet-config.cmake" INSTALL_DESTINATION "${destination}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/parapet-config-version.cmake"
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/parapet-config.cmake" "${CMAKE_CURRENT_BINARY_DIR}/parapet-config-version.cmake"
  "${CMAKE_CURRENT_LIST_DIR}/hdf5.cmake" "${CMAKE_CURRENT_LIST_DIR}/thrust.cmake" DESTINATION "${destination}")
