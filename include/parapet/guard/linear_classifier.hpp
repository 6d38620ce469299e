// The first model of a cascade: logistic regression of hashed n-grams for each task, in microseconds a text and trained in seconds.
//
//     guard::linear_classifier guard = guard::train_linear_classifier(rows);
//     guard::verdict const v = guard.classify({.prompt = "..."});
//     guard::save_linear_classifier("linear.safetensors", guard);
//
// A prompt is judged by itself, a refusal by the response and once more by its start, where most refusals say so; harm of a response by both
// texts. It reads no order beyond two words: what it is sure of may pass or be blocked, the rest is for a larger model (guard/cascade.hpp).
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/extents.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/guard/calibration.hpp>
#include <parapet/guard/labels.hpp>
#include <parapet/guard/logistic_regression.hpp>
#include <parapet/guard/ngram_features.hpp>
#include <parapet/guard/verdict.hpp>
#include <parapet/io/safetensors.hpp>
#include <parapet/io/sha256.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

struct linear_options {
  ngram_options ngrams = {};
  std::int32_t lead_bytes = 200;  ///< of a response that count as its start
  friend bool operator==(linear_options const&, linear_options const&) = default;
};

/// Counts of the parts of an exchange that a task looks at. Returns false where it has none: no response.
inline bool count_parts(ngram_counter& counter, linear_options const& options, task t, exchange const& text, sparse_row& row, std::vector<std::size_t>& ends) {
  row.clear();
  ends.clear();
  if (t == task::prompt_harm) {
    counter.count(text.prompt, 0, row, ends);
    return true;
  }
  if (!text.response) return false;
  counter.count(*text.response, 1, row, ends);
  counter.count(text.response->substr(0, static_cast<std::size_t>(options.lead_bytes)), 2, row, ends);
  if (t == task::response_harm) counter.count(text.prompt, 0, row, ends);
  return true;
}

/// One task's weights. A task that was not trained has none, and gives no probability.
struct linear_task {
  std::vector<float> idf, weights;                   ///< (buckets), or empty
  float bias = 0;
  platt_scaling calibrator;
  double threshold = 0.5;  ///< the probability from which on F1 was best in training; a policy may have its own

  bool trained() const { return !weights.empty(); }
};

/// A moderator (guard/verdict.hpp). An object is used by one thread at a time; copies are independent.
class linear_classifier {
public:
  explicit linear_classifier(linear_options const& options = {}) : options_(options), counter_(options.ngrams) {
    if (options.lead_bytes < 0) throw argument_error(detail::concat("linear_options: a start of ", options.lead_bytes, " bytes"));
  }
  linear_classifier(linear_options const& options, std::array<linear_task, task_count> tasks) : linear_classifier(options) {
    tasks_ = std::move(tasks);
    io::sha256_stream hash;
    for (task const t : all_tasks) {
      linear_task const& w = (*this)[t];
      std::size_t const size = w.trained() ? std::size_t{1} << options.ngrams.bits : 0;
      if (w.idf.size() != size || w.weights.size() != size)
        throw shape_error(detail::concat("linear_classifier: ", w.idf.size(), " and ", w.weights.size(), " weights of ", name(t), ", expected ", size));
      double const scalars[] = {static_cast<double>(w.bias), w.calibrator.slope, w.calibrator.offset, w.threshold};
      hash.add({reinterpret_cast<char const*>(w.idf.data()), size * sizeof(float)});
      hash.add({reinterpret_cast<char const*>(w.weights.data()), size * sizeof(float)});
      hash.add({reinterpret_cast<char const*>(scalars), sizeof scalars});
    }
    hash_ = hash.digest();
  }

  linear_options const& options() const { return options_; }
  linear_task const& operator[](task t) const { return tasks_[static_cast<std::size_t>(t)]; }

  /// The log odds before calibration; NaN for a task without weights or without its text.
  float logit(task t, exchange const& text) {
    linear_task const& weights = (*this)[t];
    if (!weights.trained() || !count_parts(counter_, options_, t, text, row_, ends_)) return std::numeric_limits<float>::quiet_NaN();
    weigh(row_, ends_, weights.idf);
    return logit_of(row_, weights.weights, weights.bias);
  }

  verdict classify(exchange const& text) {
    verdict v;
    v.status = verdict_status::ok;
    v.model = hash_;
    for (task const t : all_tasks) {
      float const z = logit(t, text);
      if (!std::isnan(z)) v[t] = {static_cast<float>((*this)[t].calibrator(static_cast<double>(z))), true};
    }
    return v;
  }
  void classify(std::span<exchange const> in, std::span<verdict> out) { classify_one_by_one(*this, in, out); }

private:
  linear_options options_;
  std::array<linear_task, task_count> tasks_;
  io::sha256_digest hash_{};
  ngram_counter counter_;
  sparse_row row_;
  std::vector<std::size_t> ends_;
};

/// Writes weights and options as safetensors; the file appears complete or not at all.
inline void save_linear_classifier(std::string const& path, linear_classifier const& model) {
  std::vector<const_tensor_ref> tensors;
  std::array<std::array<double, 4>, task_count> scalars{};
  for (task const t : all_tasks) {
    linear_task const& w = model[t];
    if (!w.trained()) continue;
    auto& s = scalars[static_cast<std::size_t>(t)];
    s = {static_cast<double>(w.bias), w.calibrator.slope, w.calibrator.offset, w.threshold};
    std::string const prefix(name(t));
    auto const add = [&]<class T>(char const* suffix, T const* data, std::size_t size) {
      tensors.push_back(named(prefix + suffix, vector_view<T const>(data, extents{static_cast<index_t>(size)})));
    };
    add(".idf", w.idf.data(), w.idf.size());
    add(".weights", w.weights.data(), w.weights.size());
    add(".scalars", s.data(), s.size());
  }
  linear_options const& o = model.options();
  io::write_safetensors(path, std::move(tensors),
                        {{"format", "parapet linear_classifier 1"},
                         {"options", detail::concat(o.ngrams.bits, ' ', o.ngrams.longest_words, ' ', o.ngrams.shortest_characters, ' ',
                                                    o.ngrams.longest_characters, ' ', o.lead_bytes)}});
}

/// Reads what save_linear_classifier wrote. Throws io_error where the file is another one, or its numbers are not finite.
inline linear_classifier load_linear_classifier(std::string const& path) {
  tensor_archive const file = io::read_safetensors(path);
  auto const found = file.metadata().find("options"), format = file.metadata().find("format");
  if (format == file.metadata().end() || format->second != "parapet linear_classifier 1" || found == file.metadata().end())
    throw io_error(path + ": is no linear_classifier");
  linear_options o;
  int* const fields[] = {&o.ngrams.bits, &o.ngrams.longest_words, &o.ngrams.shortest_characters, &o.ngrams.longest_characters, &o.lead_bytes};
  char const *at = found->second.data(), *const end = at + found->second.size();
  for (int* const field : fields) {
    auto const [next, status] = std::from_chars(at, end, *field);
    if (status != std::errc{}) throw io_error(path + ": its options cannot be read");
    at = next == end ? end : next + 1;
  }
  std::array<linear_task, task_count> tasks;
  for (task const t : all_tasks) {
    std::string const prefix(name(t));
    if (!file.contains(prefix + ".weights")) continue;
    linear_task& w = tasks[static_cast<std::size_t>(t)];
    auto const read = [&](char const* suffix, auto& into) {
      auto const values = file.view<typename std::remove_reference_t<decltype(into)>::value_type, 1>(prefix + suffix);
      into.assign(values.data(), values.data() + values.size());
      for (auto const x : into)
        if (!std::isfinite(x)) throw io_error(detail::concat(path, ": array '", prefix, suffix, "' has a number that is not finite"));
    };
    std::vector<double> scalars;
    read(".idf", w.idf);
    read(".weights", w.weights);
    read(".scalars", scalars);
    if (scalars.size() != 4) throw io_error(detail::concat(path, ": array '", prefix, ".scalars' has ", scalars.size(), " numbers, expected 4"));
    w.bias = static_cast<float>(scalars[0]);
    w.calibrator = {scalars[1], scalars[2]};
    w.threshold = scalars[3];
  }
  try {
    return linear_classifier(o, std::move(tasks));
  } catch (error const& e) {
    throw io_error(path + ": " + e.what());
  }
}

}  // namespace parapet::inline PARAPET_ABI::guard
