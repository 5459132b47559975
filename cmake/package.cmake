# Debian packages: cpack -G DEB, or ./dev package.
#
# Static: liblevada-dev alone. Shared: liblevada0.1 with the library (the version
# that its users' programs ask for is part of its name), liblevada-dev with the
# rest.
set(CPACK_PACKAGE_NAME liblevada)
set(CPACK_PACKAGE_VENDOR "the levada authors")
set(CPACK_PACKAGE_CONTACT "the levada authors <levada@example.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION "${PROJECT_DESCRIPTION}.")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES OFF) # the developer's choice of build type says it

set(CPACK_DEB_COMPONENT_INSTALL ON)
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
         ", liblevada${soversion} (= ${PROJECT_VERSION})")
endif()

include(CPack)
