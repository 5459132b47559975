# FindCAF: the C++ Actor Framework, with or without its own CMake package.
#
# CAF 1.x brings a config package, which is taken first. 0.17 as packaged by
# Debian (libcaf-dev) brings headers and libraries only, which are looked for
# here. Components: core (always), io, openssl.
#
# Defines CAF::core, CAF::io, CAF::openssl (those found), CAF_FOUND, CAF_VERSION.

# Without a version: 1.x is not "compatible" with the 0.17 we ask for, yet fine.
find_package(CAF CONFIG QUIET)
include(FindPackageHandleStandardArgs)
if(CAF_FOUND)
  foreach(component IN LISTS CAF_FIND_COMPONENTS)
    if(TARGET CAF::${component})
      set(CAF_${component}_FOUND TRUE)
    endif()
  endforeach()
  find_package_handle_standard_args(CAF CONFIG_MODE HANDLE_COMPONENTS)
  return()
endif()

find_path(CAF_INCLUDE_DIR caf/all.hpp)
find_library(CAF_core_LIBRARY caf_core)
find_library(CAF_io_LIBRARY caf_io)
find_library(CAF_openssl_LIBRARY caf_openssl)
mark_as_advanced(CAF_INCLUDE_DIR CAF_core_LIBRARY CAF_io_LIBRARY
                 CAF_openssl_LIBRARY)

# CAF_VERSION is {major}{minor}{patch}, two digits each: 1706 is 0.17.6.
if(CAF_INCLUDE_DIR AND EXISTS ${CAF_INCLUDE_DIR}/caf/config.hpp)
  file(STRINGS ${CAF_INCLUDE_DIR}/caf/config.hpp CAF_version_line
       REGEX "^#define CAF_VERSION [0-9]+")
  if(CAF_version_line MATCHES "CAF_VERSION ([0-9]+)")
    math(EXPR CAF_major "${CMAKE_MATCH_1} / 10000")
    math(EXPR CAF_minor "${CMAKE_MATCH_1} / 100 % 100")
    math(EXPR CAF_patch "${CMAKE_MATCH_1} % 100")
    set(CAF_VERSION ${CAF_major}.${CAF_minor}.${CAF_patch})
  endif()
endif()

if(CAF_INCLUDE_DIR AND CAF_core_LIBRARY)
  set(CAF_core_FOUND TRUE)
endif()
foreach(component io openssl)
  if(EXISTS ${CAF_INCLUDE_DIR}/caf/${component} AND CAF_${component}_LIBRARY)
    set(CAF_${component}_FOUND TRUE)
  endif()
endforeach()

find_package_handle_standard_args(
  CAF
  REQUIRED_VARS CAF_core_LIBRARY CAF_INCLUDE_DIR
  VERSION_VAR CAF_VERSION
  HANDLE_COMPONENTS
  REASON_FAILURE_MESSAGE "On Debian and Ubuntu: apt install libcaf-dev")

if(CAF_FOUND)
  include(CMakeFindDependencyMacro)
  find_dependency(Threads)
  set(CAF_core_needs Threads::Threads)
  set(CAF_io_needs CAF::core)
  set(CAF_openssl_needs CAF::io)
  foreach(component core io openssl)
    if(CAF_${component}_FOUND AND NOT TARGET CAF::${component})
      # An imported target's headers are SYSTEM headers: CAF 0.17 was written
      # for C++11 and deprecated names in it are not ours to hear about.
      add_library(CAF::${component} UNKNOWN IMPORTED)
      set_target_properties(
        CAF::${component}
        PROPERTIES IMPORTED_LOCATION ${CAF_${component}_LIBRARY}
                   INTERFACE_INCLUDE_DIRECTORIES ${CAF_INCLUDE_DIR}
                   INTERFACE_LINK_LIBRARIES ${CAF_${component}_needs})
    endif()
  endforeach()
endif()
