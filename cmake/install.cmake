# Installation: library, headers, CMake package and pkg-config file.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/levada)

# Two components, for packages that keep them apart: the shared library, and what
# one compiles with.
install(
  TARGETS levada
  EXPORT levadaTargets
  LIBRARY COMPONENT runtime NAMELINK_COMPONENT dev
  ARCHIVE COMPONENT dev
  FILE_SET HEADERS COMPONENT dev)
install(
  EXPORT levadaTargets
  NAMESPACE levada::
  DESTINATION ${package_dir}
  COMPONENT dev)

configure_package_config_file(
  cmake/levadaConfig.cmake.in ${PROJECT_BINARY_DIR}/levadaConfig.cmake
  INSTALL_DESTINATION ${package_dir})
# Before 1.0 a minor version may break its users.
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/levadaConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(
  FILES ${PROJECT_BINARY_DIR}/levadaConfig.cmake
        ${PROJECT_BINARY_DIR}/levadaConfigVersion.cmake
        ${PROJECT_SOURCE_DIR}/cmake/FindCAF.cmake
        ${PROJECT_SOURCE_DIR}/cmake/compiler_notice.cmake
  DESTINATION ${package_dir}
  COMPONENT dev)

# levada.pc finds its prefix from its own place, so that cmake --install --prefix
# works; an absolute library directory has no such relation to the prefix.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(PC_PREFIX ${CMAKE_INSTALL_PREFIX})
else()
  file(RELATIVE_PATH PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  string(REGEX REPLACE "/$" "" PC_PREFIX "\${pcfiledir}/${PC_PREFIX}")
endif()
foreach(kind INCLUDEDIR LIBDIR)
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${kind}}")
    set(PC_${kind} "${CMAKE_INSTALL_${kind}}")
  else()
    set(PC_${kind} "\${prefix}/${CMAKE_INSTALL_${kind}}")
  endif()
endforeach()
set(PC_CFLAGS)
if(BUILD_SHARED_LIBS)
  set(PC_CFLAGS " -DLEVADA_SHARED")
endif()
configure_file(cmake/levada.pc.in ${PROJECT_BINARY_DIR}/levada.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/levada.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
        COMPONENT dev)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE
        DESTINATION ${CMAKE_INSTALL_DATADIR}/licenses/levada
        COMPONENT dev)
