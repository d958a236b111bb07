// The declared things of one binding, or of one piece of memory, at work: a list for each kind, made by the kind's family.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "unplug/model/core/kernel.hpp"
#include "unplug/scenarios/program/kinds.hpp"
#include "unplug/scenarios/program/program.hpp"

namespace unplug::scenarios {

// What the things of an execution need besides themselves, handed out one by one and used again by the next execution.
template <class T> class Pool {
 public:
  void reset() { used_ = 0; }
  T& next() {
    if (used_ == list_.size()) list_.emplace_back();
    return list_[used_++];
  }

 private:
  std::deque<T> list_;
  std::size_t used_ = 0;
};

class World;
class ThingTable;
struct BindingInstance;

// A pointer of the driver: which memory, 0: NULL. Declared memory is numbered; memory that is made on the way has a hash of its name, so
// that no order of events shows in it.
using Handle = std::uint64_t;

// What a callback of the kernel (a work function, a handler, a file operation) is given as its argument.
struct Callback {
  BindingInstance* binding = nullptr;
  std::uint32_t function = 0;
  Handle self = 0;                       // memory that what calls it is embedded in
  std::uint32_t thread_fn = UINT32_MAX;  // of an interrupt: what its thread calls
};

// One thing about to be laid out.
struct ThingSetup {
  World& world;
  model::Kernel& kernel;
  BindingInstance& binding;
  const EntitySpec& spec;
  std::uint32_t index;  // among those of its kind, in a binding
  model::NameId unique, declared;
  model::LifetimeId home;  // memory that it is embedded in; none: static
  std::deque<Callback>& callbacks;
  Handle self;               // the same as a pointer
  bool made_on_the_way;      // by memory that is allocated in the course of the execution
  const ThingTable& things;  // those that are laid out with it: kinds that come before its own, and earlier ones of it, are there already

  // Whether it is a source of concurrency that removal quiesces: the driver's own, and there as long as the binding.
  [[nodiscard]] bool is_source() const { return !made_on_the_way && !spec.of_policy; }
  // "kworker priv.work", unique like the thing.
  [[nodiscard]] model::NameId task_name(std::string_view what) const;
  // "priv.work timer": another object of the thing.
  [[nodiscard]] model::NameId part(std::string_view what) const;
  // The argument for the thing's function, for entry points of World (callback_entry and its like).
  [[nodiscard]] Callback* callback() const { return callback(spec.function); }
  // The same for another function of it.
  [[nodiscard]] Callback* callback(std::uint32_t function) const;
  // The thing that a key of the declaration refers to: in the same memory, or of the binding. Its kind comes before this one's in
  // kinds.def. Null if the declaration has no such key.
  template <EntityKind kind> [[nodiscard]] typename ThingOf<kind>::Type* referred(std::string_view key) const;

 private:
  // Number of the thing among those of its kind in the same memory; none: it is elsewhere.
  [[nodiscard]] std::optional<std::size_t> number_beside(const Operand& o) const;
};

// The things of one kind.
class ThingList {
 public:
  virtual ~ThingList() = default;
  // Room for `n` things; those that stay keep their addresses.
  virtual void resize(std::size_t n) = 0;
  // Makes thing number `i` anew.
  virtual void lay_out(std::size_t i, const ThingSetup& setup) = 0;
};

template <EntityKind kind> class Things final : public ThingList {
 public:
  using Type = typename ThingOf<kind>::Type;
  using LayOut = void (*)(Type& thing, const ThingSetup& setup);
  explicit Things(LayOut how) : how_(how) {}
  void resize(std::size_t n) override {
    while (list.size() < n) list.emplace_back();
    while (list.size() > n) list.pop_back();
  }
  void lay_out(std::size_t i, const ThingSetup& setup) override { how_(list[i], setup); }
  std::deque<Type> list;

 private:
  LayOut how_;
};

// An empty list. Each family defines this for its kinds:
//   template <> std::unique_ptr<ThingList> make_things<EntityKind::mutex>() { return things<EntityKind::mutex>(lay_out_mutex); }
template <EntityKind kind> std::unique_ptr<ThingList> make_things();
#define KIND(word, type, text, calls) template <> std::unique_ptr<ThingList> make_things<EntityKind::word>();
#include "unplug/scenarios/program/kinds.def"
#undef KIND

template <EntityKind kind> std::unique_ptr<ThingList> things(typename Things<kind>::LayOut how) {
  return std::make_unique<Things<kind>>(how);
}
std::unique_ptr<ThingList> make_things(EntityKind kind);

// Things by kind and number.
class ThingTable {
 public:
  template <EntityKind kind> [[nodiscard]] typename ThingOf<kind>::Type& get(std::size_t i) const { return all<kind>()[i]; }
  template <EntityKind kind> [[nodiscard]] std::deque<typename ThingOf<kind>::Type>& all() const {
    return static_cast<Things<kind>&>(*lists[static_cast<std::size_t>(kind)]).list;
  }
  // Whether there is a list of the kind at all, if an empty one.
  [[nodiscard]] bool has(EntityKind kind) const { return lists[static_cast<std::size_t>(kind)] != nullptr; }
  [[nodiscard]] ThingList& of(EntityKind kind) {
    std::unique_ptr<ThingList>& l = lists[static_cast<std::size_t>(kind)];
    if (l == nullptr) l = make_things(kind);
    return *l;
  }

 private:
  std::array<std::unique_ptr<ThingList>, entity_kinds> lists;
};

}  // namespace unplug::scenarios
