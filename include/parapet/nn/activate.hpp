// An activation as a layer: y = f(x), dx = f'(x) dy.
//
// In training the forward pass replaces x by f'(x), which is all that the backward pass needs: the exponentials are
// taken once.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/reference.hpp>
#include <parapet/math/activation.hpp>
#include <parapet/nn/parameters.hpp>

namespace parapet::inline PARAPET_ABI::nn {

namespace detail {

template <class F>
struct activate_and_differentiate {
  template <class X>
  PARAPET_FN void operator()(X& x, X& y) const {
    X const value = F{}(x);
    x = F{}.derivative(x, value);
    y = value;
  }
};
struct multiply_in_place {
  template <class X>
  PARAPET_FN void operator()(X& dy, X const& slope) const { dy = dy * slope; }
};

}  // namespace detail

/// y = f(x); x becomes f'(x).
template <class F, class Backend, class View>
void activate(Backend& be, View const& x, View const& y) {
  map(be, detail::activate_and_differentiate<F>{}, x, y);
}

/// x = f(x).
template <class F, class Backend, class View>
void activate(Backend& be, View const& x) {
  map(be, backend::reference::in_place<F>{}, x);
}

/// dy becomes dx = f'(x) dy.
template <class Backend, class View, class Slope>
void activate_backward(Backend& be, View const& dy, Slope const& slope) {
  map(be, detail::multiply_in_place{}, dy, slope);
}

}  // namespace parapet::inline PARAPET_ABI::nn
