// Read-side sections that are waited for by age, counted such that readers don't depend on each other.
//
// Each section is counted in the epoch in which it begins. A grace period that finds sections open begins another epoch, and has waited for
// all earlier ones once the epochs up to its own are empty. So a section opens and closes by an addition to the object's word, whatever
// other readers do; grace periods write it as they start, and look at it as they end. The word has a field for each epoch that still
// matters: one with sections open, or that a grace period still looks at.
#pragma once

#include <algorithm>
#include <vector>

#include "unplug/model/core/context.hpp"

namespace unplug::model {

class ReaderEpochs {
 public:
  struct Section {
    std::uint64_t number = 0;  // in the order in which they began, from 1; 0: none
    unsigned epoch = 0;        // its field
  };
  // What a grace period waits for: sections with lower numbers, all of them in the fields of `fields`. 0: none is open.
  struct Wait {
    std::uint64_t before = 0, fields = 0;
  };

  void reset(ObjectId o) {
    object = o;
    next_ = 1;
    epoch_ = 0;
    waits_.clear();
  }
  // --- From effects of additions to the object.
  Section begin(Context& context, std::uint64_t& word) {
    if ((word >> shift(epoch_) & most) == most) context.engine().give_up("more than 63 RCU readers at once");
    word += one(epoch_);
    return {next_++, epoch_};
  }
  static void end(std::uint64_t& word, const Section& section) { word -= one(section.epoch); }
  // --- From effects of writes.
  Wait start(Context& context, const std::uint64_t& word) {
    Wait w{next_, 0};
    std::uint64_t taken = 0;
    for (unsigned f = 0; f < fields; ++f)
      if ((word & mask(f)) != 0) w.fields |= mask(f);
    if (w.fields == 0) return w;
    waits_.push_back(w.fields);
    for (const std::uint64_t other : waits_) taken |= other;
    if ((taken & mask(epoch_)) == 0) return w;
    for (epoch_ = 0; epoch_ < fields && (taken & mask(epoch_)) != 0; ++epoch_) {
    }
    if (epoch_ == fields) {
      epoch_ = 0;
      context.engine().give_up("more than 9 RCU grace periods at once, each with readers of its own");
    }
    return w;
  }
  // From the effect of the read by which it ends.
  void over(const Wait& w) {
    if (const auto at = std::ranges::find(waits_, w.fields); at != waits_.end()) waits_.erase(at);
  }

  ObjectId object;

 private:
  static constexpr unsigned fields = 10, bits = 6;
  static constexpr std::uint64_t most = 63;
  static constexpr unsigned shift(unsigned field) { return field * bits; }
  static constexpr std::uint64_t one(unsigned field) { return std::uint64_t{1} << shift(field); }
  static constexpr std::uint64_t mask(unsigned field) { return most << shift(field); }

  std::uint64_t next_ = 1;
  unsigned epoch_ = 0;                // in which sections begin
  std::vector<std::uint64_t> waits_;  // the fields of grace periods that have not ended
};

}  // namespace unplug::model
