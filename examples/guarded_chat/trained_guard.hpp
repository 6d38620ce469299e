// A guard that train_guard wrote, behind phrases where there are some. In a unit of its own: httplib's headers define _res, which Eigen uses.
#pragma once

#include <parapet/guard/verdict.hpp>

#include <memory>
#include <span>
#include <string>

namespace guarded_chat {

class trained_guard {
public:
  /// `rules` may be empty; what they stop with 0.9 and more is not asked of the model. Runs on the thread that asks, and reads all of a text:
  /// window by window where the model has no room for it. Guards in one process share the weights, which are views of the file.
  trained_guard(std::string const& folder, std::string const& rules);
  ~trained_guard();

  parapet::guard::verdict classify(parapet::guard::exchange const& text);
  void classify(std::span<parapet::guard::exchange const> in, std::span<parapet::guard::verdict> out);

  /// Tokens of an exchange that the model reads at once.
  long tokens() const;

  struct model;  ///< of whichever architecture the folder has

private:
  std::unique_ptr<model> model_;
};

}  // namespace guarded_chat
