# The libraries as others use them: cmake --install, then find_package(unplug) in their project.
#
#   unplug_install(NAME...)     the libraries unplug::NAME, with their headers as "unplug/NAME/x.hpp"

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

function(unplug_install)
  foreach(name IN LISTS ARGN)
    set_target_properties(unplug_${name} PROPERTIES EXPORT_NAME ${name})
    target_compile_features(unplug_${name} PUBLIC cxx_std_20)
    target_include_directories(unplug_${name} PUBLIC $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    install(TARGETS unplug_${name} EXPORT unplug ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library)
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/${name}/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/unplug/${name} COMPONENT library
            FILES_MATCHING PATTERN *.hpp PATTERN *.def)
  endforeach()
  install(FILES ${PROJECT_BINARY_DIR}/include/generated/unplug/version.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/unplug COMPONENT library)
  set(config ${CMAKE_INSTALL_LIBDIR}/cmake/unplug)
  install(EXPORT unplug NAMESPACE unplug:: FILE unplug-targets.cmake DESTINATION ${config} COMPONENT library)
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/unplug-config.cmake.in ${PROJECT_BINARY_DIR}/unplug-config.cmake
                                INSTALL_DESTINATION ${config})
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/unplug-config-version.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/unplug-config.cmake ${PROJECT_BINARY_DIR}/unplug-config-version.cmake DESTINATION ${config}
          COMPONENT library)
endfunction()
