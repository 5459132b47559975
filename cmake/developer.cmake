# What only levada's own developers want of a compiler: nothing here has an effect
# in a project that includes levada.

# A preset or -DCMAKE_COMPILE_WARNING_AS_ERROR=OFF lifts it, for a compiler that
# warns where ours do not.
if(PROJECT_IS_TOP_LEVEL AND NOT DEFINED CMAKE_COMPILE_WARNING_AS_ERROR)
  set(CMAKE_COMPILE_WARNING_AS_ERROR ON)
endif()

function(levada_developer_options target)
  if(PROJECT_IS_TOP_LEVEL)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic
                                             -Wconversion)
    set_target_properties(
      ${target} PROPERTIES COMPILE_WARNING_AS_ERROR
                           "${CMAKE_COMPILE_WARNING_AS_ERROR}")
  endif()
endfunction()

# For a program that is a user of levada, as the examples are: in a Debug build its
# umbrella header is compiled once for all of them. Not where a source does without
# that header, for then this would hide what it forgets to include. Elsewhere they are
# few, and have flags of their own; and a compiler's launcher is ccache, which does
# better without.
function(levada_program_shares_headers program)
  if(CMAKE_CXX_COMPILER_LAUNCHER OR NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    return()
  endif()
  get_target_property(sources ${program} SOURCES)
  foreach(source IN LISTS sources)
    get_filename_component(source ${source} ABSOLUTE)
    file(STRINGS ${source} umbrella REGEX "^#include <levada/levada.hpp>")
    if(NOT umbrella)
      return()
    endif()
  endforeach()
  if(NOT TARGET levada_program_headers)
    add_library(levada_program_headers OBJECT
                ${PROJECT_SOURCE_DIR}/cmake/precompiled.cpp)
    target_link_libraries(levada_program_headers PRIVATE levada::levada)
    levada_developer_options(levada_program_headers)
    target_precompile_headers(levada_program_headers PRIVATE <levada/levada.hpp>)
  endif()
  target_precompile_headers(${program} REUSE_FROM levada_program_headers)
endfunction()
