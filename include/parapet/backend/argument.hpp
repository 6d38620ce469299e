// The first look at a backend, where an algorithm is handed one. backend/backend.hpp has the whole concept, which takes longer to check.
#pragma once

#include <parapet/config.hpp>

#include <concepts>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::backend {

template <class B>
concept has_space = requires { typename B::space; } && requires(void* p) {
  { B::space::allocate(index_t{}) } -> std::same_as<void*>;
  B::space::deallocate(p);
};

/// Says in words that something is no backend, before anything else fails.
template <class B>
consteval bool check_backend_argument() {
  static_assert(has_space<B>, "the first argument must be a backend, as in 'backend::cpu be;' - see docs/concepts.md");
  static_assert(!std::is_const_v<B>, "a backend must not be const: it has threads and queues that are used - see docs/concepts.md");
  return has_space<B> && !std::is_const_v<B>;
}

}  // namespace parapet::inline PARAPET_ABI::backend
