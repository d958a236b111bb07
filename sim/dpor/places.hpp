// Where a guarded step could stand among additions.
//
// Additions to one object have no order among themselves, so any set of those before the step may come after it instead that is closed
// under happens-before (with one, all that follow it) and without which the guard holds. Of a task's it is the last so and so many. The
// least such sets are searched for, task by task, the smaller numbers first, so that a set is met after all that it contains; where no
// choice for the tasks that are left can make the guard hold, or a set that was found is contained already, the search turns back.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "unplug/sim/access.hpp"

namespace unplug::sim {

class Places {
 public:
  // An event, its task, and by how much it changed the word.
  struct Addition {
    std::uint32_t event, task;
    std::uint64_t amount;
  };

  void clear() { all_.clear(); }
  // The additions are given one by one, the last first.
  void add(const Addition& a) { all_.push_back(a); }
  [[nodiscard]] bool empty() const { return all_.empty(); }

  // Finds the sets, `word` being what the guard sees if none is left out. with_each: for each addition the least sets that contain it;
  // otherwise the least there are. before(i, j): whether event i happens before event j.
  template <class Before> void find(const Guard& guard, std::uint64_t word, bool with_each, Before&& before) {
    make_chains();
    needs_.assign(all_.size() * chains_.size(), 0);
    for (std::size_t a = 0; a < all_.size(); ++a)
      for (std::size_t d = 0; d < chains_.size(); ++d)
        for (const Addition& b : of(chains_[d]))
          if (all_[a].event == b.event || before(all_[a].event, b.event)) ++needs_[a * chains_.size() + d];
    search(guard, word, with_each);
  }
  [[nodiscard]] std::size_t size() const { return chains_.empty() ? 0 : found_.size() / chains_.size(); }
  // Of set number k: the first event of each task that has any in it; all that is in it happens after one of them, or is it.
  void firsts(std::size_t k, std::vector<std::uint32_t>& out) const;

 private:
  // The additions of one task, the last first.
  struct Chain {
    std::uint32_t begin, size;
  };
  // Bits of the word that the guard sees, side by side: no bit above matters, and of those below nothing but what they carry.
  struct Field {
    unsigned shift = 0, end = 0;  // no end: it is none
    [[nodiscard]] static std::uint64_t low_bits(unsigned n) { return n >= 64 ? UINT64_MAX : (std::uint64_t{1} << n) - 1; }
  };
  [[nodiscard]] std::span<const Addition> of(const Chain& c) const { return std::span(all_).subspan(c.begin, c.size); }
  void make_chains();
  void search(const Guard& guard, std::uint64_t word, bool with_each);
  [[nodiscard]] static Field field_of(const Guard& guard);
  // Chooses for the chains of `order_` from number `at` on.
  void choose(std::size_t at, std::uint64_t word);
  [[nodiscard]] std::uint32_t floor_of(std::uint32_t chain, std::size_t decided) const;
  [[nodiscard]] bool contains_one(std::size_t decided) const;
  [[nodiscard]] bool hopeless(std::size_t decided, std::uint64_t word) const;

  std::vector<Addition> all_;
  std::vector<Chain> chains_;
  std::vector<std::uint32_t> needs_;        // by addition and chain: how many of the chain leave with it
  std::vector<std::int64_t> least_, most_;  // by chain and number: what leaving out so many, or more, changes the word by
  std::vector<std::uint32_t> order_;        // the chains, in the order in which they are decided
  std::vector<std::uint32_t> left_out_;     // by chain: how many
  std::vector<std::uint32_t> found_;        // such rows, one after another
  std::vector<std::uint32_t> met_;          // likewise: those that a set which is looked for now must not contain
  std::uint32_t least_of_first_ = 0;        // how many of the first chain, at least
  Guard guard_;
  Field field_;
};

}  // namespace unplug::sim
