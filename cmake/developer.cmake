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
