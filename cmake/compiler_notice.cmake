# g++ 12.0 to 12.2 miscompile common coroutines, in the user's own code as much
# as in ours: say so, to a project that uses levada as a warning, to levada's
# own developers (whose lint keeps them clear of it) as a line.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU"
   AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 12.0
   AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 12.3)
  if(LEVADA_COMPILER_NOTICE)
    message(
      WARNING
        "g++ ${CMAKE_CXX_COMPILER_VERSION} miscompiles some coroutines: a "
        "co_await in an if or while condition may never resume, and "
        "`co_await tx.send(Msg{...})` destroys the message twice. Write "
        "`auto r = co_await e;` with named objects, or use another compiler; "
        "levada's README, section \"Compilers\", lists the safe forms. "
        "-DLEVADA_COMPILER_NOTICE=OFF silences this.")
  else()
    message(STATUS "g++ ${CMAKE_CXX_COMPILER_VERSION} miscompiles some "
                   "coroutines: see README, section \"Compilers\"")
  endif()
endif()
