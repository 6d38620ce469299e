// A streamed answer on its way from the model to the reader: an event waits until all that it adds has been judged, and goes on unchanged.
#pragma once

#include "chat.hpp"

#include <parapet/guard/policy.hpp>
#include <parapet/guard/stream_session.hpp>
#include <parapet/guard/verdict.hpp>

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace guarded_chat {

/// Send is called with the data of an event and says whether the reader is still there. Moderator and policy must outlive this.
template <guard::moderator Moderator, class Send>
class answer_stream {
public:
  enum class state {
    open,
    done,         ///< the model said so
    stopped,      ///< by the policy: by_what() says why
    unreadable,   ///< the model's bytes are no stream of a chat
    reader_left,
  };
  struct choice_state {
    guard::stream_session<Moderator> session;
    std::size_t received = 0, released = 0;
    bool shown = false;  ///< something of it went to the reader
  };

  answer_stream(Moderator& moderator, guard::policy const& rules, std::string prompt, guard::stream_options const& options, std::size_t most_bytes, Send send)
      : moderator_(moderator), rules_(rules), prompt_(std::move(prompt)), options_(options), events_(most_bytes), send_(std::move(send)) {}

  /// More bytes of the model's answer. Returns whether more are wanted.
  bool feed(std::string_view bytes) {
    bool const short_enough = events_.feed(bytes, [&](std::string_view data) {
      take(data);
      return state_ == state::open;
    });
    if (!short_enough && state_ == state::open) state_ = state::unreadable;
    return state_ == state::open;
  }

  /// Judges what is left. It goes on with forward().
  void finish() {
    if (state_ != state::open && state_ != state::done) return;
    for (auto& [index, choice] : choices_)
      if (state_ != state::stopped) release(choice, choice.session.finish());
  }

  /// Sends the events that were judged.
  void forward() {
    while (!held_.empty()) {
      event const& next = held_.front();
      for (auto const& [index, bytes] : next.needs)
        if (choices_.at(index).released < bytes) return;
      for (auto const& [index, bytes] : next.needs) choices_.at(index).shown |= bytes > 0;
      if (!send(next.data)) return;
      held_.pop_front();
    }
  }
  /// Sends an event of our own.
  bool send(std::string_view data) {
    if (state_ != state::reader_left && !send_(data)) state_ = state::reader_left;
    return state_ != state::reader_left;
  }

  state now() const { return state_; }
  /// What stopped it.
  guard::decision const& by_what() const { return decided_; }
  std::map<parapet::index_t, choice_state> const& choices() const { return choices_; }

private:
  struct event {
    std::string data;
    std::vector<std::pair<parapet::index_t, std::size_t>> needs;  // choice, bytes of it that must have been released
  };

  void take(std::string_view data) {
    if (data == "[DONE]") {
      state_ = state::done;
      return;
    }
    event next{std::string(data), {}};
    try {
      for (auto const& [index, text] : read_event(data)) {
        choice_state& choice = choice_of(index);
        choice.received += text.size();
        next.needs.emplace_back(index, choice.received);
        release(choice, choice.session.push(text));
      }
    } catch (parapet::error const&) {
      state_ = state::unreadable;
      return;
    }
    held_.push_back(std::move(next));
    if (state_ == state::open) forward();
  }

  choice_state& choice_of(parapet::index_t index) {
    if (auto const found = choices_.find(index); found != choices_.end()) return found->second;
    if (choices_.size() == most_choices) throw parapet::io_error("too many choices");
    return choices_.emplace(index, choice_state{guard::stream_session<Moderator>(moderator_, rules_, prompt_, options_)}).first->second;
  }

  void release(choice_state& choice, typename guard::stream_session<Moderator>::release const& out) {
    choice.released += out.text.size();
    if (!out.stopped) return;
    state_ = state::stopped;
    decided_ = out.decided;
  }

  Moderator& moderator_;
  guard::policy const& rules_;
  std::string prompt_;
  guard::stream_options options_;
  event_reader events_;
  Send send_;
  std::map<parapet::index_t, choice_state> choices_;
  std::deque<event> held_;
  guard::decision decided_;
  state state_ = state::open;
};

}  // namespace guarded_chat
