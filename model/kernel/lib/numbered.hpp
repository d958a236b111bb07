// Things that begin and end in any order and are waited for by age: read-side sections, callbacks.
//
// They are numbered as they begin; the object's word is the number of the oldest that has not ended (or the next number, if all have): who
// asked when the next number was n has outlived everything that began before once the word is at least n.
#pragma once

#include <algorithm>
#include <vector>

#include "unplug/model/core/kernel.hpp"

namespace unplug::model {

struct Numbered {
  ObjectId object;
  std::uint64_t next = 1;
  std::vector<std::uint64_t> open;  // sorted

  static constexpr std::uint64_t first_word = 1;
  void reset(ObjectId o) {
    object = o;
    next = 1;
    open.clear();
  }
  // From effects of steps on the object only. The number of what begins.
  std::uint64_t begin(std::uint64_t& word) {
    open.push_back(next++);
    word = open.front();
    return open.back();
  }
  void end(std::uint64_t& word, std::uint64_t number) {
    std::erase(open, number);
    word = open.empty() ? next : open.front();
  }
};

}  // namespace unplug::model
