# How weir's own code is compiled. Nothing here reaches a program that links weir.
include(CheckCXXCompilerFlag)
include(CheckPIESupported)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON) # programs are PIE, and the library may go into a shared one
check_pie_supported(LANGUAGES CXX)

if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
  endif()
  # Paths are taken out of the hash so that several work trees share what they compiled; precompiled headers need
  # the sloppiness.
  find_program(WEIR_CCACHE ccache)
  if(WEIR_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}
                                    ${WEIR_CCACHE})
  endif()
endif()

add_library(weir_flags INTERFACE)
target_include_directories(weir_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/include)
target_compile_options(weir_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # Ghosts: in std::variant at -O1, and in "text" + std::to_string(n) at -O3.
  target_compile_options(weir_flags INTERFACE -Wno-maybe-uninitialized -Wno-restrict)
endif()
if(WEIR_WERROR)
  target_compile_options(weir_flags INTERFACE -Werror)
endif()
if(NOT WEIR_COVERAGE) # gcov looks for the sources where the compiler saw them
  target_compile_options(weir_flags INTERFACE -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)
endif()

# Hardening.
target_compile_definitions(weir_flags INTERFACE _GLIBCXX_ASSERTIONS)
target_compile_options(weir_flags INTERFACE -fstack-protector-strong -fstack-clash-protection)
check_cxx_compiler_flag(-fcf-protection WEIR_HAS_CF_PROTECTION) # x86 only
if(WEIR_HAS_CF_PROTECTION)
  target_compile_options(weir_flags INTERFACE -fcf-protection)
endif()
target_link_options(weir_flags INTERFACE LINKER:-z,relro LINKER:-z,now)
if(NOT WEIR_SANITIZE) # FORTIFY needs optimisation, and hides from sanitizers what they intercept
  target_compile_options(weir_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=2>)
endif()

if(WEIR_SANITIZE)
  set(sanitize -fsanitize=${WEIR_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  # g++ compiles the checks at -Og in three fifths of the time that -O1 takes; for clang++ the two are the same.
  target_compile_options(weir_flags INTERFACE ${sanitize} -Og -g1)
  target_compile_definitions(weir_flags INTERFACE XXH_NO_INLINE_HINTS=1) # which -Og cannot follow
  target_link_options(weir_flags INTERFACE ${sanitize})
endif()
if(WEIR_TEST_POINTS)
  target_compile_definitions(weir_flags INTERFACE WEIR_TEST_POINTS)
endif()
if(WEIR_FUZZ)
  target_compile_options(weir_flags INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(weir_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(WEIR_COVERAGE)
  # -O1: without optimisation the suite takes 7 minutes and one program runs into its timeout. The two folders whose
  # branches are counted one by one are not optimised: there a branch is what the source says.
  set(by_branch $<IN_LIST:$<TARGET_PROPERTY:NAME>,weir_wal$<SEMICOLON>weir_segments>)
  target_compile_options(weir_flags INTERFACE --coverage -fprofile-update=atomic $<IF:${by_branch},-O0,-O1>)
  target_link_options(weir_flags INTERFACE --coverage)
endif()
