# Targets from folders, and the rule that includes follow the arrows.
#
#   unplug_library(NAME [DEPENDS LIBRARY...] [LINK TARGET...])
#     the static library unplug_NAME, alias unplug::NAME, of NAME/**.cpp
#   unplug_program(TARGET FOLDER FOLDER [DEPENDS LIBRARY...] [LINK TARGET...] [EXCLUDE_FROM_ALL])
#     an executable of FOLDER/**.cpp, in the build folder itself
#
# Headers sit beside the sources and are included as "unplug/NAME/x.hpp". Each folder has an include root of its own in the build tree,
# include/NAME/unplug/NAME -> NAME/, and only the target of that folder hands it on. An include of a folder that a target isn't linked to
# finds nothing, so it does not compile.

function(unplug_include_root TARGET SCOPE FOLDER)
  set(root ${PROJECT_BINARY_DIR}/include/${FOLDER})
  file(MAKE_DIRECTORY ${root}/unplug)
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${FOLDER} ${root}/unplug/${FOLDER} SYMBOLIC)
  target_include_directories(${TARGET} ${SCOPE} $<BUILD_INTERFACE:${root}>)
  # A debugger finds the real file, __FILE__ is the path below the source root.
  set(link ${root}/unplug/${FOLDER})
  target_compile_options(${TARGET} ${SCOPE}
    $<BUILD_INTERFACE:-fdebug-prefix-map=${link}=${PROJECT_SOURCE_DIR}/${FOLDER}>
    $<BUILD_INTERFACE:-fmacro-prefix-map=${link}=${FOLDER}>)
endfunction()

# FOLDER/**.cpp into OUT; a stand-in while there are none, because a library needs a source.
function(unplug_sources OUT FOLDER)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${FOLDER}/*.cpp)
  set(${OUT} ${sources} PARENT_SCOPE)
endfunction()

# unplug_precompile(TARGET [HEADER...]): headers of other libraries that most of its sources include, beside the usual ones. Parsing them is a
# third of a build. Never headers of ours, and not in the preset debug: there each source has to include what it uses.
function(unplug_precompile TARGET)
  if(UNPLUG_FAST_BUILD)
    target_precompile_headers(${TARGET} PRIVATE <algorithm> <array> <cstdint> <deque> <functional> <map> <memory> <optional> <set> <span>
      <string> <string_view> <tuple> <utility> <vector> <fmt/format.h> ${ARGN})
    # Of templates in precompiled headers GCC 12 shows wrong guesses that it keeps to itself in system headers (PR105329, PR105651).
    if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
      target_compile_options(${TARGET} PRIVATE -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread)
    endif()
  endif()
endfunction()

# unplug_unite(TARGET [EXCEPT FOLDER...]): the sources of a folder compiled some at a time, since most of what each costs is the headers they
# share. Names in unnamed namespaces therefore differ within a folder. Not for folders whose files are alike by design (a family of verbs each
# with its `family`), and not in the preset debug.
function(unplug_unite TARGET)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "EXCEPT")
  if(NOT UNPLUG_FAST_BUILD)
    return()
  endif()
  set_target_properties(${TARGET} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  get_target_property(sources ${TARGET} SOURCES)
  list(FILTER sources INCLUDE REGEX "^${PROJECT_SOURCE_DIR}/")
  foreach(source IN LISTS sources)
    cmake_path(GET source PARENT_PATH folder)
    cmake_path(RELATIVE_PATH folder BASE_DIRECTORY ${PROJECT_SOURCE_DIR})
    if(folder IN_LIST ARG_EXCEPT)
      set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
      continue()
    endif()
    string(MAKE_C_IDENTIFIER ${folder} group)
    math(EXPR number "0${count_${group}} / 6")
    math(EXPR count_${group} "0${count_${group}} + 1")
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${group}_${number})
  endforeach()
endfunction()

function(unplug_library NAME)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "DEPENDS;LINK")
  unplug_sources(sources ${NAME})
  if(NOT sources)
    set(sources ${PROJECT_BINARY_DIR}/no_sources_yet.cpp)
    file(CONFIGURE OUTPUT ${sources} CONTENT "// A library needs a source.\n")
  endif()
  add_library(unplug_${NAME} STATIC ${sources})
  add_library(unplug::${NAME} ALIAS unplug_${NAME})
  unplug_include_root(unplug_${NAME} PUBLIC ${NAME})
  target_include_directories(unplug_${NAME} PUBLIC $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include/generated>)
  list(TRANSFORM ARG_DEPENDS PREPEND unplug::)
  target_link_libraries(unplug_${NAME} PUBLIC ${ARG_DEPENDS} ${ARG_LINK} PRIVATE $<BUILD_INTERFACE:unplug_warnings>)
  unplug_precompile(unplug_${NAME})
endfunction()

function(unplug_program TARGET)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "EXCLUDE_FROM_ALL" "FOLDER" "DEPENDS;LINK")
  unplug_sources(sources ${ARG_FOLDER})
  if(NOT sources)
    message(STATUS "${TARGET}: no sources in ${ARG_FOLDER}/, not built")
    return()
  endif()
  add_executable(${TARGET} ${sources})
  set_target_properties(${TARGET} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}
    EXCLUDE_FROM_ALL ${ARG_EXCLUDE_FROM_ALL})
  unplug_include_root(${TARGET} PRIVATE ${ARG_FOLDER})
  list(TRANSFORM ARG_DEPENDS PREPEND unplug::)
  target_link_libraries(${TARGET} PRIVATE ${ARG_DEPENDS} ${ARG_LINK} unplug_warnings)
endfunction()
