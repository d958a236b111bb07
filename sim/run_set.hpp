// The enabled tasks of one execution, sorted by id: what a strategy picks from.
//
// Dense, so that a pick costs an index; with the place of each task beside it, so that announcing the next step costs one too. Tasks come
// and go one by one in O(tasks), or all that a write concerns in one pass: a contended lock lets many in and shuts them out again.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "unplug/sim/strategy.hpp"

namespace unplug::sim {

class RunSet {
 public:
  void clear() { size_ = 0; }
  // Room for the task of this id, which is not enabled. Ids come in order, from 0 after clear().
  void add_task(TaskId id) {
    if (id.index() >= places_.size()) {
      views_.resize(id.index() + 1);  // before the other, which is asked: there may be no memory for one of them
      places_.resize(id.index() + 1);
    }
    places_[id.index()] = nowhere;
  }

  [[nodiscard]] std::span<const TaskView> views() const { return {views_.data(), size_}; }
  [[nodiscard]] std::span<TaskView> views() { return {views_.data(), size_}; }
  [[nodiscard]] bool has(TaskId id) const { return places_[id.index()] < nowhere; }

  // Enables the task, or says what its step is now.
  void put(const TaskView& view) {
    const std::uint32_t place = places_[view.id.index()];
    if (place != nowhere) [[likely]] {
      views_[place] = view;
    } else {
      merge({&view, 1});
    }
  }
  // Enables tasks that are not, sorted by id.
  void merge(std::span<const TaskView> fresh) {
    std::uint32_t old = size_, to = size_ += static_cast<std::uint32_t>(fresh.size());
    for (std::size_t left = fresh.size(); left > 0; --left) {
      const TaskView& view = fresh[left - 1];
      for (; old > 0 && view.id < views_[old - 1].id; --old) settle(views_[old - 1], --to);
      settle(view, --to);
    }
  }
  // Disables a task that is enabled.
  void erase(TaskId id) {
    --size_;
    for (std::uint32_t at = std::exchange(places_[id.index()], nowhere); at < size_; ++at) settle(views_[at + 1], at);
  }
  // Disables many: any number of drop(), then close_ranks() before anything else is asked.
  void drop(TaskId id) { places_[id.index()] = nowhere; }
  void close_ranks() {
    std::uint32_t to = 0;
    for (const TaskView& view : views())
      if (has(view.id)) settle(view, to++);
    size_ = to;
  }

 private:
  static constexpr std::uint32_t nowhere = UINT32_MAX;

  void settle(const TaskView& view, std::uint32_t place) {
    places_[view.id.index()] = place;
    views_[place] = view;
  }

  std::vector<TaskView> views_;        // the first size_ count
  std::vector<std::uint32_t> places_;  // by id
  std::uint32_t size_ = 0;
};

}  // namespace unplug::sim
