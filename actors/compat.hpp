// One spelling of actor interfaces for CAF 0.17 and later.
#pragma once

#include <caf/config.hpp>
#include <caf/replies_to.hpp>

namespace weir {

#if CAF_VERSION >= 1800
template <class... In> struct Op { template <class... Out> using Returns = caf::result<Out...>(In...); };
#else
template <class... In> struct Op {
  template <class... Out> using Returns = typename caf::replies_to<In...>::template with<Out...>;
};
#endif

} // namespace weir
