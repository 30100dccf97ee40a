// Functions of a service, called so that nothing they throw gets further.
#pragma once

#include "engine/text.hpp"

#include <weir/result.hpp>

#include <exception>
#include <string_view>
#include <utility>

namespace weir {

/// What `call`, which returns a Result or a Status, returns; `invalid_argument` if it throws: "`what` threw: ...".
template <class Call> auto guarded_call(std::string_view what, Call&& call) -> decltype(call()) {
  try {
    return std::forward<Call>(call)();
  } catch (const std::exception& thrown) {
    return fail(Errc::invalid_argument, format("{} threw: {}", what, thrown.what()));
  } catch (...) {
    return fail(Errc::invalid_argument, format("{} threw what is no std::exception", what));
  }
}

/// Tells a function without result, if there is one. Error: as guarded_call.
template <class Function, class... Args>
Status guarded_tell(std::string_view what, const Function& function, Args&&... args) {
  if (!function)
    return {};
  return guarded_call(what, [&]() -> Status {
    function(std::forward<Args>(args)...);
    return {};
  });
}

/// How errors call the function that is told how far a work has come.
inline constexpr std::string_view progress_function = "the function given for progress";

} // namespace weir
