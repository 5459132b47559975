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

# For programs that are users of levada, as the examples are: in a Debug build its
# umbrella header is compiled once for all of them. Elsewhere they are few, and have
# flags of their own; and a compiler's launcher is ccache, which does better without.
function(levada_programs_share_headers)
  if(CMAKE_CXX_COMPILER_LAUNCHER OR NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    return()
  endif()
  if(NOT TARGET levada_program_headers)
    add_library(levada_program_headers OBJECT
                ${PROJECT_SOURCE_DIR}/cmake/precompiled.cpp)
    target_link_libraries(levada_program_headers PRIVATE levada::levada)
    levada_developer_options(levada_program_headers)
    target_precompile_headers(levada_program_headers PRIVATE <levada/levada.hpp>)
  endif()
  foreach(program IN LISTS ARGV)
    target_precompile_headers(${program} REUSE_FROM levada_program_headers)
  endforeach()
endfunction()
