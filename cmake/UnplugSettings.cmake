# How every target of ours is compiled.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release or Debug" FORCE)
endif()

# No NDEBUG, not even in Release: libraries keep their asserts, and ours (sim/invariant.hpp) know no build type. Boost's are left out of
# Release, they sit in the fiber switch.
set(CMAKE_CXX_FLAGS_RELEASE "-O2")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g")
set(CMAKE_CXX_FLAGS_FAST "-O3")
add_compile_definitions($<$<CONFIG:Release>:BOOST_DISABLE_ASSERTS>)

# __FILE__ is the same wherever the checkout is, so messages and golden outputs may contain it.
add_compile_options(-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)

if(UNPLUG_FAST_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  add_compile_options(--param=ggc-min-heapsize=500000) # KiB that GCC may take before it looks for garbage: a tenth of its time
endif()

if(UNPLUG_SANITIZE)
  # -O1, whatever the build type says: a third less to compile, and the tests take no longer.
  add_compile_options(-fsanitize=${UNPLUG_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1 -O1)
  add_link_options(-fsanitize=${UNPLUG_SANITIZE})
endif()

# Warnings are for our targets only, through this interface target. They are no errors in instrumented code, where GCC guesses wrongly.
if(UNPLUG_WERROR AND NOT UNPLUG_SANITIZE)
  set(werror -Werror)
endif()
add_library(unplug_warnings INTERFACE)
target_compile_options(unplug_warnings INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast ${werror})

configure_file(${CMAKE_CURRENT_LIST_DIR}/version.hpp.in ${PROJECT_BINARY_DIR}/include/generated/unplug/version.hpp @ONLY)
