# The libraries weir links. Read by the build and by the installed package, so that the two cannot differ.
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR} ${CMAKE_CURRENT_LIST_DIR}/../../actors)
find_package(Threads REQUIRED GLOBAL)
find_package(fmt REQUIRED GLOBAL)
find_package(PkgConfig REQUIRED GLOBAL)
pkg_check_modules(WEIR_SQLITE3 REQUIRED IMPORTED_TARGET GLOBAL sqlite3)
pkg_check_modules(WEIR_LZ4 REQUIRED IMPORTED_TARGET GLOBAL liblz4)
pkg_check_modules(WEIR_XXHASH REQUIRED IMPORTED_TARGET GLOBAL libxxhash)
find_package(CAF REQUIRED GLOBAL)
set(WEIR_DEPENDENCIES CAF::core fmt::fmt PkgConfig::WEIR_SQLITE3 PkgConfig::WEIR_LZ4 PkgConfig::WEIR_XXHASH
                      Threads::Threads)
