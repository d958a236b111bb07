#include "unplug/model/kernel/module.hpp"

#include <fmt/format.h>

namespace unplug::model {
namespace {

// The counter is an atomic that returns its value: all is ordered by it.
const Operation load_op{.name = "load_module", .sync = sim::Sync::release}, get_op{.name = "try_module_get", .sync = sim::Sync::both},
    put_op{.name = "module_put", .sync = sim::Sync::both}, stop_op{.name = "delete_module: try to stop", .sync = sim::Sync::both},
    text_op{.name = "free_module: text freed"};

constexpr std::uint64_t count_mask = 0xffffffff, going = std::uint64_t{1} << 32U, unformed = std::uint64_t{1} << 33U;

}  // namespace

void init_module(Kernel& kernel, Module& m, NameId unique_name, NameId declared, bool loaded) {
  m.object = kernel.engine().new_object(unique_name, loaded ? 1 : unformed);
  m.name = declared;
  m.text = kernel.new_lifetime(unique_name, LifetimeKind::text, declared, {}, loaded);
}

void load_module(Context& context, Module& m) {
  sim::Step s = context.make(load_op);
  s.access = {m.object, sim::AccessKind::write};
  s.begins = m.text;
  context.engine().step(s, [](std::uint64_t& word) { word = 1; });
}

bool try_module_get(Context& context, Module* m) {
  if (m == nullptr) return true;
  return context.write(get_op, m->object, {}, [](std::uint64_t& word) {
    if ((word & (going | unformed)) != 0 || (word & count_mask) == 0) return false;
    ++word;
    return true;
  });
}

void module_put(Context& context, Module* m) {
  if (m == nullptr) return;
  context.write(put_op, m->object, {}, [&](std::uint64_t& word) {
    if ((word & count_mask) == 0) {
      context.kernel().report(ViolationClass::api_misuse, m->name,
                              fmt::format("module_put('{}') below zero", context.kernel().text(m->name)));
    } else {
      --word;
    }
  });
}

DeleteResult try_stop_module(Context& context, Module& m) {
  return context.write(stop_op, m.object, {}, [&](std::uint64_t& word) {
    if ((word & (going | unformed)) != 0) return DeleteResult::busy;
    if ((word & count_mask) != 1) {
      context.kernel().report(ViolationClass::module_pinned, m.name,
                              fmt::format("delete_module('{}') answers -EWOULDBLOCK: {} reference(s) are held by open files",
                                          context.kernel().text(m.name), (word & count_mask) - 1));
      return DeleteResult::would_block;
    }
    word = going;
    return DeleteResult::gone;
  });
}

void free_module(Context& context, Module& m, Rcu& rcu) {
  if (context.kernel().config().unload_grace_period) synchronize_rcu(context, rcu);
  sim::Step s = context.make(text_op);
  s.access = {m.object, sim::AccessKind::write};
  s.ends = m.text;
  context.engine().step(s, [](std::uint64_t& word) { word = unformed; });
}

}  // namespace unplug::model
