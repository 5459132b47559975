# Debian packages: cpack -G DEB, or ./dev package.
#
# Static: liblevada-dev alone. Shared: liblevada0.1 with the library (the version
# that its users' programs ask for is part of its name), liblevada-dev with the
# rest. Each has what Debian wants of every package in /usr/share/doc: the licence
# and the changelogs.

# Who answers for a package is who builds it: Debian's tools read these, too.
set(contact "whoever built this package <root@localhost>")
if(NOT "$ENV{DEBEMAIL}" STREQUAL "")
  set(contact "$ENV{DEBEMAIL} <$ENV{DEBEMAIL}>")
  if(NOT "$ENV{DEBFULLNAME}" STREQUAL "")
    set(contact "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
  endif()
endif()
set(LEVADA_PACKAGE_CONTACT "${contact}"
    CACHE STRING "Maintainer of the packages that are built here: NAME <ADDRESS>")

set(CPACK_PACKAGE_NAME liblevada)
set(CPACK_PACKAGE_VENDOR "the levada authors")
set(CPACK_PACKAGE_CONTACT "${LEVADA_PACKAGE_CONTACT}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION "${PROJECT_DESCRIPTION}.")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES OFF) # the developer's choice of build type says it

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION libs)
set(CPACK_COMPONENTS_ALL dev)
set(CPACK_DEBIAN_DEV_PACKAGE_NAME liblevada-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libcaf-dev (>= 0.17.6)")
if(BUILD_SHARED_LIBS)
  set(soversion ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  list(APPEND CPACK_COMPONENTS_ALL runtime)
  set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME liblevada${soversion})
  set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
  string(APPEND CPACK_DEBIAN_DEV_PACKAGE_DEPENDS
         ", liblevada${soversion} (= ${PROJECT_VERSION}-1)")
endif()

# The texts, and whom they are for. They are no part of a plain installation.
file(READ LICENSE licence)
string(STRIP "${licence}" licence)
string(REPLACE "\n\n" "\n.\n" licence "${licence}")
string(REPLACE "\n" "\n " LICENSE_PARAGRAPHS " ${licence}")
configure_file(cmake/debian_copyright.in ${PROJECT_BINARY_DIR}/debian/copyright
               @ONLY)
string(TIMESTAMP PACKED_AT "%a, %d %b %Y %H:%M:%S +0000" UTC)
configure_file(cmake/debian_changelog.in
               ${PROJECT_BINARY_DIR}/debian/changelog.Debian @ONLY)
configure_file(CHANGELOG.md ${PROJECT_BINARY_DIR}/debian/changelog COPYONLY)
set(package_texts ${PROJECT_BINARY_DIR}/debian/copyright)
find_program(GZIP gzip)
mark_as_advanced(GZIP)
if(GZIP)
  foreach(text changelog changelog.Debian)
    set(text ${PROJECT_BINARY_DIR}/debian/${text})
    execute_process(COMMAND ${GZIP} --best --no-name --force --keep ${text}
                    COMMAND_ERROR_IS_FATAL ANY)
    list(APPEND package_texts ${text}.gz)
  endforeach()
endif()
foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER ${component} upper)
  install(
    FILES ${package_texts}
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${CPACK_DEBIAN_${upper}_PACKAGE_NAME}
    COMPONENT ${component}
    EXCLUDE_FROM_ALL)
endforeach()

include(CPack)
