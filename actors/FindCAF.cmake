# Finds the C++ Actor Framework, which Debian packages without a CMake file, and defines CAF::core.
#
# Reads CAF_ROOT (a prefix). Sets CAF_FOUND, CAF_VERSION (0.17.6), CAF_INCLUDE_DIR, CAF_CORE_LIBRARY.
find_path(CAF_INCLUDE_DIR caf/actor_system.hpp)
find_library(CAF_CORE_LIBRARY NAMES caf_core caf_core_static NAMES_PER_DIR) # under CAF_ROOT it may be static only
mark_as_advanced(CAF_INCLUDE_DIR CAF_CORE_LIBRARY)

unset(CAF_VERSION)
if(CAF_INCLUDE_DIR AND EXISTS ${CAF_INCLUDE_DIR}/caf/config.hpp)
  # #define CAF_VERSION 1706: two digits each for minor and patch.
  file(STRINGS ${CAF_INCLUDE_DIR}/caf/config.hpp caf_define REGEX "^#define CAF_VERSION [0-9]+")
  string(REGEX MATCH "[0-9]+" caf_number "${caf_define}")
  if(caf_number)
    math(EXPR caf_major "${caf_number} / 10000")
    math(EXPR caf_minor "${caf_number} / 100 % 100")
    math(EXPR caf_patch "${caf_number} % 100")
    set(CAF_VERSION ${caf_major}.${caf_minor}.${caf_patch})
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CAF REQUIRED_VARS CAF_CORE_LIBRARY CAF_INCLUDE_DIR VERSION_VAR CAF_VERSION)

if(CAF_FOUND AND NOT TARGET CAF::core)
  find_package(Threads REQUIRED)
  add_library(CAF::core UNKNOWN IMPORTED)
  set_target_properties(CAF::core PROPERTIES IMPORTED_LOCATION ${CAF_CORE_LIBRARY}
                                             INTERFACE_LINK_LIBRARIES Threads::Threads)
  # -isystem /usr/include would hide the standard library's own headers from #include_next.
  if(NOT CAF_INCLUDE_DIR IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
    set_target_properties(CAF::core PROPERTIES INTERFACE_INCLUDE_DIRECTORIES ${CAF_INCLUDE_DIR})
  endif()
endif()
