# Finds, or builds, a CAF with the thread sanitizer, and sets CAF_ROOT to it and WEIR_CAF_INSTRUMENTED. Without its source
# the folders that need CAF are left out, and the stage "tsan" counts itself as skipped.
set(WEIR_CAF_INSTRUMENTED OFF)
if(NOT CAF_ROOT)
  execute_process(COMMAND ${CMAKE_CURRENT_LIST_DIR}/build_caf.sh OUTPUT_VARIABLE prefix RESULT_VARIABLE result
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(result EQUAL 0)
    set(CAF_ROOT ${prefix} CACHE PATH "Prefix of a CAF built with the thread sanitizer")
  elseif(NOT result EQUAL 69)
    message(FATAL_ERROR "CAF could not be built with the thread sanitizer: build_caf.sh ended with ${result}")
  endif()
endif()
if(CAF_ROOT)
  set(WEIR_CAF_INSTRUMENTED ON)
else()
  message(WARNING "No CAF with the thread sanitizer: actors/ and api/ are left out")
endif()
