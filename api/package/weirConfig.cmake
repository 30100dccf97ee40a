# find_package(weir) defines weir::weir.
set(weir_module_path ${CMAKE_MODULE_PATH})
include(${CMAKE_CURRENT_LIST_DIR}/dependencies.cmake)
set(CMAKE_MODULE_PATH ${weir_module_path})
include(${CMAKE_CURRENT_LIST_DIR}/weirTargets.cmake)
