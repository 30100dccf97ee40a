# cmake --install: public headers, the library, the program, and what find_package and pkg-config need.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/weir)
install(FILES ${WEIR_PUBLIC_HEADERS} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/weir)
install(TARGETS weir EXPORT weirTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
                                        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT weirTargets NAMESPACE weir:: DESTINATION ${package_dir})
if(TARGET weir_program)
  install(TARGETS weir_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

write_basic_package_version_file(${PROJECT_BINARY_DIR}/weirConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_SOURCE_DIR}/api/package/weirConfig.cmake ${PROJECT_SOURCE_DIR}/api/package/dependencies.cmake
              ${PROJECT_SOURCE_DIR}/actors/FindCAF.cmake ${PROJECT_BINARY_DIR}/weirConfigVersion.cmake
        DESTINATION ${package_dir})

# weir is a static library, so what it links is public here: `pkg-config --libs weir` is enough.
set(WEIR_PC_CAF -lcaf_core)
cmake_path(GET CAF_CORE_LIBRARY PARENT_PATH caf_dir)
if(NOT caf_dir IN_LIST CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES)
  set(WEIR_PC_CAF "-L${caf_dir} -lcaf_core")
endif()
file(RELATIVE_PATH WEIR_PC_UP /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix) # the tree can be moved
configure_file(${PROJECT_SOURCE_DIR}/api/package/weir.pc.in ${PROJECT_BINARY_DIR}/weir.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/weir.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
