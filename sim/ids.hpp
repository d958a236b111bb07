// Strong, dense identifiers. Numbers, never pointers: what is ordered or hashed by them cannot depend on address-space layout.
#pragma once

#include <compare>
#include <cstdint>

namespace unplug::sim {

// An index that cannot be mixed up with another kind of index. Default-constructed: none.
template <class Tag> class Id {
 public:
  constexpr Id() = default;
  constexpr explicit Id(std::uint32_t index) : index_(index) {}
  [[nodiscard]] constexpr std::uint32_t index() const { return index_; }
  [[nodiscard]] constexpr explicit operator bool() const { return index_ != UINT32_MAX; }
  constexpr auto operator<=>(const Id&) const = default;

 private:
  std::uint32_t index_ = UINT32_MAX;
};

using TaskId = Id<struct TaskTag>;          // a simulated context of execution, in order of creation in one execution
using ObjectId = Id<struct ObjectTag>;      // a shared object: what accesses are about
using LifetimeId = Id<struct LifetimeTag>;  // a lifetime that steps rely on (witness) or end
using NameId = Id<struct NameTag>;          // an interned stable name; valid as long as its NameTable
using SiteId = Id<struct SiteTag>;          // a place in the simulated program's text; opaque to sim/
using FrameId = Id<struct FrameTag>;        // a call chain of the simulated program; opaque to sim/

}  // namespace unplug::sim
