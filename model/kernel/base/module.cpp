#include "unplug/model/kernel/base/module.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace unplug::model {
namespace {

// The counter is an atomic that returns its value: all is ordered by it.
const Operation load_op{.name = "load_module", .sync = sim::Sync::release},
    get_op{.name = "try_module_get", .sync = sim::Sync::both, .repeat = sim::Repeat::looks},
    blind_get_op{.name = "__module_get", .sync = sim::Sync::both}, put_op{.name = "module_put", .sync = sim::Sync::both},
    stop_op{.name = "delete_module: try to stop", .sync = sim::Sync::both}, text_op{.name = "free_module: text freed"},
    data_op{.name = "free_module: data freed"}, layout_op{.name = "load_module: data laid out"},
    coming_op{.name = "do_init_module: COMING", .sync = sim::Sync::release},
    live_op{.name = "do_init_module: LIVE", .sync = sim::Sync::both}, failed_op{.name = "do_init_module: GOING"},
    ref_op{.name = "ref_module", .sync = sim::Sync::both}, unref_op{.name = "module_unload_free", .sync = sim::Sync::both};

// Bits 0..31 references (base and those of dependants included), bit 32 GOING, bit 33 unformed or not loaded, bit 34 COMING.
constexpr std::uint64_t count_mask = 0xffffffff, going = std::uint64_t{1} << 32U, unformed = std::uint64_t{1} << 33U,
                        coming = std::uint64_t{1} << 34U;

void misuse(Context& context, const Module& m, std::string_view function, std::string_view why) {
  context.kernel().report(ViolationClass::api_misuse, m.name, fmt::format("{}('{}') {}", function, context.kernel().text(m.name), why));
}

void put(Context& context, Module& m, std::uint64_t& word) {
  if ((word & count_mask) == 0) {
    misuse(context, m, "module_put", "below zero");
  } else {
    --word;
  }
}

void begin_data(Context& context, const Module& m) {
  if (!m.data) return;
  sim::Step s = context.make(layout_op);
  s.begins = m.data;
  context.engine().step(s);
}

void begin_text(Context& context, Module& m, const Operation& operation, std::uint64_t state) {
  begin_data(context, m);
  if (context.aborting()) return;
  sim::Step s = context.make(operation);
  s.access = {m.object, sim::AccessKind::write};
  s.begins = m.text;
  context.engine().step(s, [&](std::uint64_t& word) {
    word = state;
    m.source_list.clear();
    m.references.taken.clear();
  });
}

DeleteResult would_block(Context& context, Module& m, const std::string& why) {
  m.refused = static_cast<std::uint32_t>(context.engine().trace().events.size()) - 1;
  context.kernel().report(ViolationClass::module_pinned, m.name,
                          fmt::format("delete_module('{}') answers -EWOULDBLOCK: {}", context.kernel().text(m.name), why));
  return DeleteResult::would_block;
}

}  // namespace

void init_module(Kernel& kernel, Module& m, NameId unique_name, NameId declared, bool loaded, std::uint32_t dependants) {
  m.object = kernel.engine().new_object(unique_name, loaded ? 1 + dependants : unformed);
  m.name = declared;
  m.text = kernel.new_lifetime(unique_name, LifetimeKind::text, declared, {}, loaded);
  m.data = {};
  m.has_exit = true;
  m.traced = true;
  m.target_list.clear();
  m.source_list.clear();
  m.references.taken.clear();
  m.refused = UINT32_MAX;
  kernel.modules.push_back(&m);
}

void init_dependency(Module& m, Module& target) {
  m.target_list.push_back(&target);
  target.source_list.push_back(&m);
}

void init_module_data(Kernel& kernel, Module& m, NameId unique_name, bool loaded) {
  m.data = kernel.new_lifetime(unique_name, LifetimeKind::module_data, m.name, {}, loaded);
}

void init_module_variable(const Module& m, Allocation& a, NameId declared) { init_embedded(a, m.data ? m.data : m.text, declared); }

void load_module(Context& context, Module& m) { begin_text(context, m, load_op, 1); }

void module_coming(Context& context, Module& m) { begin_text(context, m, coming_op, coming | 2); }

void module_live(Context& context, Module& m) {
  context.write(live_op, m.object, {}, [](std::uint64_t& word) { word &= ~coming; });
  if (!context.aborting()) module_put(context, &m);
}

void module_init_failed(Context& context, Module& m, Rcu& rcu) {
  context.write(failed_op, m.object, {}, [](std::uint64_t& word) { word = (word & ~coming) | going; });
  if (!context.aborting()) synchronize_rcu(context, rcu);
  if (!context.aborting()) module_put(context, &m);
  if (!context.aborting()) ftrace_release_mod(context, m, rcu);
  if (!context.aborting()) free_module(context, m, rcu);
}

bool ref_module(Context& context, Module& m, Module& target) {
  const bool there = context.write(ref_op, target.object, {}, [&](std::uint64_t& word) {
    if ((word & (going | unformed | coming)) != 0) return false;
    ++word;
    target.source_list.push_back(&m);
    return true;
  });
  if (there) m.target_list.push_back(&target);
  return there;
}

bool try_module_get(Context& context, Module* m, bool for_file) {
  if (m == nullptr) return true;
  return context.write(get_op, m->object, {}, [&](std::uint64_t& word) {
    if ((word & (going | unformed)) != 0 || (word & count_mask) == 0) return false;
    ++word;
    m->references.take(context, for_file);
    return true;
  });
}

void module_get(Context& context, Module* m) {
  if (m == nullptr) return;
  context.write(blind_get_op, m->object, {}, [&](std::uint64_t& word) {
    if ((word & (going | unformed)) != 0) misuse(context, *m, "__module_get", "of a module that is going");
    ++word;
    m->references.take(context);
  });
}

void module_put(Context& context, Module* m, bool of_file) {
  if (m == nullptr) return;
  context.write(put_op, m->object, {}, [&](std::uint64_t& word) {
    put(context, *m, word);
    m->references.give_back(of_file);
  });
}

void module_put_and_kthread_exit(Context& context, Module* m) {
  static const KernelSite site{"module_put_and_kthread_exit", "module_put"};
  const Context::KernelFunction function(context, site.function);
  context.at(site);
  module_put(context, m);
}

DeleteResult try_stop_module(Context& context, Module& m, Unload unload) {
  return context.write(stop_op, m.object, {}, [&](std::uint64_t& word) {
    const bool forced = unload == Unload::forced;
    if ((word & unformed) != 0) return DeleteResult::not_found;
    if (!m.source_list.empty())
      return would_block(context, m, fmt::format("module '{}' depends on it", context.kernel().text(m.source_list.front()->name)));
    if ((word & (going | coming)) != 0 || (!m.has_exit && !forced)) return DeleteResult::busy;
    if ((word & count_mask) != 1 && !forced)
      return would_block(context, m, fmt::format("it is held by {}", holders_of(context.kernel(), m.references)));
    word = going | ((word & count_mask) - 1);
    return DeleteResult::gone;
  });
}

void ftrace_release_mod(Context& context, Module& m, Rcu& rcu) {
  if (m.traced && context.kernel().config().dynamic_ftrace) synchronize_rcu(context, rcu);
}

void free_module(Context& context, Module& m, Rcu& rcu) {
  for (Module* target : m.target_list) {
    if (context.aborting()) return;
    context.write(unref_op, target->object, {}, [&](std::uint64_t& word) {
      put(context, *target, word);
      const auto user = std::ranges::find(target->source_list, &m);
      if (user != target->source_list.end()) target->source_list.erase(user);
    });
  }
  if (context.aborting()) return;
  m.target_list.clear();
  if (context.kernel().config().unload_grace_period) synchronize_rcu(context, rcu);
  sim::Step text = context.make(text_op);
  text.access = {m.object, sim::AccessKind::write};
  text.ends = m.text;
  context.engine().step(text, [](std::uint64_t& word) { word = unformed; });
  if (!m.data || context.aborting()) return;
  sim::Step data = context.make(data_op);
  data.ends = m.data;
  context.engine().step(data);
}

}  // namespace unplug::model
