# The program as users have it: cmake --install (component program), and a Debian package of that by CPack.
#
# Manual pages and completions are made by the program itself, so they can't drift. Scenarios, policies and schemas are compiled in; they are
# installed for reading and for editors: the "$schema" of an installed file names the installed schema.

include(GNUInstallDirs)

set(pages ${PROJECT_BINARY_DIR}/pages)
set(changelog ${PROJECT_BINARY_DIR}/debian-changelog)
configure_file(${PROJECT_SOURCE_DIR}/cmake/debian/changelog.in ${changelog} @ONLY)
add_custom_command(
  OUTPUT ${pages}/done
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${pages}
  COMMAND unplug man --all ${pages}/man
  COMMAND gzip -9nf -r ${pages}/man
  COMMAND unplug completion bash > ${pages}/unplug
  COMMAND unplug completion zsh > ${pages}/_unplug
  COMMAND unplug completion fish > ${pages}/unplug.fish
  COMMAND gzip -9nc ${changelog} > ${pages}/changelog.gz
  COMMAND ${CMAKE_COMMAND} -E touch ${pages}/done
  DEPENDS unplug ${changelog}
  COMMENT "Manual pages and completions"
  VERBATIM)
add_custom_target(unplug_pages ALL DEPENDS ${pages}/done)

set(data ${CMAKE_INSTALL_DATADIR}/unplug)
install(TARGETS unplug RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
install(DIRECTORY ${pages}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program)
install(FILES ${pages}/unplug DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT program)
install(FILES ${pages}/_unplug DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT program)
install(FILES ${pages}/unplug.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT program)
install(DIRECTORY docs/schema DESTINATION ${data} COMPONENT program)
file(GLOB flagships CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/scenarios/*.json)
install(FILES ${flagships} DESTINATION ${data}/scenarios COMPONENT program)
foreach(folder corpus drivers litmus models policies templates)
  install(DIRECTORY scenarios/${folder} DESTINATION ${data}/scenarios COMPONENT program FILES_MATCHING PATTERN *.json)
endforeach()
install(CODE "set(UNPLUG_DATA \"${data}\")" COMPONENT program)
install(SCRIPT cmake/installed_schemas.cmake COMPONENT program)
install(FILES README.md docs/scenario-guide.md docs/scenario-reference.md docs/kernel-model.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program)
install(DIRECTORY docs/kernel DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program)
install(FILES cmake/debian/copyright ${pages}/changelog.gz DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME unplug)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "deterministic simulator of Linux driver hot-unplug")
set(CPACK_PACKAGE_DESCRIPTION "Runs a driver's teardown against everything that can still be inside the
driver, under a scheduler that makes every choice, and says which lifetimes
were broken: memory used after it was freed, registers touched after they were
unmapped, code run after its module was unloaded, removal that never ends.")
set(CPACK_PACKAGE_CONTACT "The unplug developers <unplug@example.org>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL program)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME unplug)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION "${CPACK_PACKAGE_DESCRIPTION}")
include(CPack)
