// A move-only callable: jobs and completions own what they carry.
//
// Why own: std::move_only_function is C++23, and std::function would force every captured promise to be copyable.
// Threading: as the callable held. Small callables are kept inside, so that answering a store allocates nothing.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace weir {

template <class Signature> class UniqueFunction;

template <class R, class... Args> class UniqueFunction<R(Args...)> {
public:
  UniqueFunction() = default;
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, UniqueFunction> && std::is_invocable_r_v<R, F&, Args...>)
      UniqueFunction(F&& function) {
    using Held = std::remove_cvref_t<F>;
    if constexpr (fits<Held>) {
      new (&storage_) Held(std::forward<F>(function));
      actions_ = &inside<Held>;
    } else {
      new (&storage_) std::unique_ptr<Held>(std::make_unique<Held>(std::forward<F>(function)));
      actions_ = &outside<Held>;
    }
  }
  UniqueFunction(UniqueFunction&& other) noexcept { take(other); }
  UniqueFunction& operator=(UniqueFunction&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  UniqueFunction(const UniqueFunction&) = delete;
  UniqueFunction& operator=(const UniqueFunction&) = delete;
  ~UniqueFunction() { reset(); }

  explicit operator bool() const noexcept { return actions_ != nullptr; }
  /// Precondition: holds a callable.
  R operator()(Args... args) { return actions_->call(&storage_, std::forward<Args>(args)...); }

private:
  // A completion holds a shared pointer and a std::function.
  static constexpr std::size_t capacity = 48;

  struct Actions {
    R (*call)(void*, Args&&...);
    void (*move)(void* to, void* from) noexcept; // and destroys what was moved from
    void (*destroy)(void*) noexcept;
  };
  template <class F>
  static constexpr bool fits = sizeof(F) <= capacity &&
                               alignof(F) <= alignof(void*) && std::is_nothrow_move_constructible_v<F>;

  template <class T> static void move_to(void* to, void* from) noexcept {
    T* const old = static_cast<T*>(from);
    new (to) T(std::move(*old));
    old->~T();
  }
  template <class T> static void destroy(void* at) noexcept { static_cast<T*>(at)->~T(); }

  template <class F> static constexpr Actions inside{
      [](void* at, Args&&... args) -> R { return (*static_cast<F*>(at))(std::forward<Args>(args)...); }, &move_to<F>,
      &destroy<F>};
  template <class F>
  static constexpr Actions outside{[](void* at, Args&&... args) -> R {
                                     return (**static_cast<std::unique_ptr<F>*>(at))(std::forward<Args>(args)...);
                                   },
                                   &move_to<std::unique_ptr<F>>, &destroy<std::unique_ptr<F>>};

  void take(UniqueFunction& other) noexcept {
    actions_ = std::exchange(other.actions_, nullptr);
    if (actions_ != nullptr)
      actions_->move(&storage_, &other.storage_);
  }
  void reset() noexcept {
    if (const Actions* const actions = std::exchange(actions_, nullptr))
      actions->destroy(&storage_);
  }

  const Actions* actions_ = nullptr;
  alignas(void*) std::byte storage_[capacity];
};

using Job = UniqueFunction<void()>;

} // namespace weir
