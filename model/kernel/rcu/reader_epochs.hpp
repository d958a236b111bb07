// Read-side sections that are waited for by age, counted such that nobody depends on more than he can see.
//
// Each section is counted in the epoch in which it begins. A grace period that finds the present epoch in use begins another, and waits for
// all that began in those up to then. So a section opens by an addition to an object that grace periods read as they start: readers
// don't depend on each other, nor grace periods on each other. It closes by an addition to an object of its epoch, which nobody reads but
// those grace periods that wait for it, as they end: whether it closes before one starts is nobody's business, nor what later readers do.
#pragma once

#include <vector>

#include "unplug/model/core/context.hpp"

namespace unplug::model {

class ReaderEpochs {
 public:
  struct Section {
    std::uint64_t number = 0;  // in the order in which they began, from 1; 0: none
    std::uint32_t epoch = 0;
  };
  // What a grace period waits for: sections with lower numbers, of the epochs before `epochs`.
  struct Wait {
    std::uint64_t before = 0;
    std::uint32_t epochs = 0;
  };

  // In setup(). Of the object that sections open by, with its name.
  void reset(Kernel& kernel, NameId name) {
    name_ = name;
    gate = kernel.engine().new_object(name, 0);
    next_ = 1;
    entered_.clear();
    exits_.clear();
    add_epoch(kernel);
  }
  // From the effect of an addition to `gate`.
  Section begin() {
    ++entered_.back();
    return {next_++, static_cast<std::uint32_t>(entered_.size() - 1)};
  }
  // From the effect of a read of `gate`, with add_epoch() right after the step if present_in_use() said so in it.
  [[nodiscard]] bool present_in_use() const { return entered_.back() != 0; }
  [[nodiscard]] Wait start() const { return {next_, static_cast<std::uint32_t>(entered_.size()) - (present_in_use() ? 0U : 1U)}; }
  void add_epoch(Kernel& kernel) {
    static constexpr std::string_view part{"epoch"};
    const auto n = static_cast<std::uint32_t>(exits_.size() + 1);
    exits_.push_back(kernel.engine().new_object(kernel.engine().names().child(name_, part, n), 0));
    entered_.push_back(0);
  }
  // Word: how many of the epoch's sections have closed. Each adds one.
  [[nodiscard]] ObjectId exits(std::uint32_t epoch) const { return exits_[epoch]; }
  // Of an epoch that is over.
  [[nodiscard]] std::uint64_t entered(std::uint32_t epoch) const { return entered_[epoch]; }

  ObjectId gate;

 private:
  NameId name_;
  std::uint64_t next_ = 1;
  std::vector<std::uint64_t> entered_;  // by epoch, the last is the present one
  std::vector<ObjectId> exits_;
};

}  // namespace unplug::model
