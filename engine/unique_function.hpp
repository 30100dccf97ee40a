// A move-only callable: jobs and completions own what they carry.
//
// Why own: std::move_only_function is C++23, and std::function would force every captured promise to be copyable.
// Threading: as the callable held.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace weir {

template <class Signature> class UniqueFunction;

template <class R, class... Args> class UniqueFunction<R(Args...)> {
public:
  UniqueFunction() = default;
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, UniqueFunction> && std::is_invocable_r_v<R, F&, Args...>)
      UniqueFunction(F&& function)
      : body_(std::make_unique<Body<std::remove_cvref_t<F>>>(std::forward<F>(function))) {}

  explicit operator bool() const noexcept { return body_ != nullptr; }
  /// Precondition: holds a callable.
  R operator()(Args... args) { return body_->call(std::forward<Args>(args)...); }

private:
  struct Base {
    virtual ~Base() = default;
    virtual R call(Args... args) = 0;
  };
  template <class F> struct Body final : Base {
    explicit Body(F f) : function(std::move(f)) {}
    R call(Args... args) override { return function(std::forward<Args>(args)...); }
    F function;
  };
  std::unique_ptr<Base> body_;
};

using Job = UniqueFunction<void()>;

} // namespace weir
