// Stable names: what tasks, objects and lifetimes are called in reports, failure files and fingerprints.
//
// A name is a path of text ("user.0", "probe/devm_kzalloc#1") that depends on what created the thing and how many it had created
// before, never on when. Interned once per engine; the ids differ between engines, text and hash never do.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>  // lint: lookup only

#include "unplug/sim/ids.hpp"

namespace unplug::sim {

class NameTable {
 public:
  // The id of `text`; equal text gives the equal id.
  NameId intern(std::string_view text);
  // "PARENT/PART#N" (N from 1). Builds the text only the first time it is asked for, so repeated executions allocate nothing.
  NameId child(NameId parent, std::string_view part, std::uint32_t n);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] const std::string& text(NameId id) const { return entries_[id.index()].text; }
  [[nodiscard]] std::uint64_t hash(NameId id) const { return entries_[id.index()].hash; }

 private:
  struct Entry {
    std::string text;
    std::uint64_t hash;
  };
  std::deque<Entry> entries_;                             // a deque: views into the texts stay valid
  std::unordered_map<std::string_view, NameId> by_text_;  // lint: lookup only
  std::unordered_map<std::uint64_t, NameId> children_;    // lint: lookup only; keyed by a hash of (parent, part, n)
};

}  // namespace unplug::sim
