# Data files compiled into a library or program.
#
#   unplug_embed(NAME GLOB... [TARGET TARGET])     globs are relative to NAME/; the target is unplug_NAME unless another is named
#
# Code that links it then has "unplug/embedded/NAME.hpp": unplug::NAME::embedded::files(), sorted by name, and find(name). A
# file's name is its path below NAME/. A changed, new or deleted file is noticed by the next build.

function(unplug_embed NAME)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "TARGET" "")
  if(NOT ARG_TARGET)
    set(ARG_TARGET unplug_${NAME})
  endif()
  list(TRANSFORM ARG_UNPARSED_ARGUMENTS PREPEND ${PROJECT_SOURCE_DIR}/${NAME}/ OUTPUT_VARIABLE globs)
  file(GLOB names CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/${NAME} LIST_DIRECTORIES false ${globs})
  list(SORT names)
  list(REMOVE_DUPLICATES names)
  list(TRANSFORM names PREPEND ${PROJECT_SOURCE_DIR}/${NAME}/ OUTPUT_VARIABLE paths)

  set(root ${PROJECT_BINARY_DIR}/include/embedded/${NAME})
  set(LIBRARY ${NAME})
  configure_file(${PROJECT_SOURCE_DIR}/cmake/embedded.hpp.in ${root}/unplug/embedded/${NAME}.hpp @ONLY)

  # The list stands in a file of its own: its change is what makes a new or deleted file visible to the rule below.
  set(list_file ${root}/files.cmake)
  file(CONFIGURE OUTPUT ${list_file} CONTENT "set(names \"${names}\")\n")
  set(script ${PROJECT_SOURCE_DIR}/cmake/embed.cmake)
  add_custom_command(
    OUTPUT ${root}/${NAME}.cpp
    COMMAND ${CMAKE_COMMAND} -D LIBRARY=${NAME} -D LIST=${list_file} -D FOLDER=${PROJECT_SOURCE_DIR}/${NAME} -D OUT=${root}/${NAME}.cpp
            -P ${script}
    DEPENDS ${list_file} ${script} ${paths}
    COMMENT "Embedding the data files of ${NAME}"
    VERBATIM)
  target_sources(${ARG_TARGET} PRIVATE ${root}/${NAME}.cpp)
  target_include_directories(${ARG_TARGET} PUBLIC $<BUILD_INTERFACE:${root}>)
endfunction()
