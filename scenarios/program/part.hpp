// What a simulated kernel has only for programs that use it: kfree_rcu()'s batches, the slots of hazard pointers. It lives with the family
// of verbs that needs it.
#pragma once

#include <memory>

namespace unplug::scenarios {

class World;

class WorldPart {
 public:
  WorldPart() = default;
  WorldPart(const WorldPart&) = delete;
  WorldPart& operator=(const WorldPart&) = delete;
  virtual ~WorldPart() = default;
  // Lays it out anew, before each execution: devices are there, things of drivers are not.
  virtual void setup(World& world) = 0;
};

// A kind of part is known by its address. A family says `inline constexpr PartKind kind = part_kind<Batches>;` of one of its own, and names
// it in those of its verbs that need it (Verb::part): then World::part<Batches>() finds it.
struct PartKind {
  std::unique_ptr<WorldPart> (*make)();
};
template <class Part> inline constexpr PartKind part_kind{[]() -> std::unique_ptr<WorldPart> { return std::make_unique<Part>(); }};

}  // namespace unplug::scenarios
