// Things that others point to.
#pragma once

#include <cstddef>
#include <deque>

namespace unplug::scenarios {

// Makes it `n` long; what stays keeps its address, which tasks and mechanisms hold.
template <class T> void resize(std::deque<T>& d, std::size_t n) {
  while (d.size() < n) d.emplace_back();
  while (d.size() > n) d.pop_back();
}

}  // namespace unplug::scenarios
