#include "unplug/model/kernel/lib/list.hpp"

#include <fmt/format.h>

namespace unplug::model {
namespace {

const Operation init_op{.name = "INIT_LIST_HEAD", .plain = true}, add_load_op{.name = "list_add: load the neighbours", .plain = true},
    add_op{.name = "list_add", .plain = true}, add_rcu_op{.name = "list_add_rcu", .sync = sim::Sync::release, .marked = true},
    del_load_op{.name = "list_del: load the neighbours", .plain = true}, del_op{.name = "list_del", .plain = true},
    del_init_op{.name = "list_del_init", .plain = true}, del_rcu_op{.name = "list_del_rcu", .marked = true},
    empty_op{.name = "list_empty", .marked = true}, next_op{.name = "list_for_each", .plain = true},
    next_rcu_op{.name = "list_for_each_rcu", .sync = sim::Sync::acquire, .marked = true};

// What LIST_POISON1 and LIST_POISON2 are: an address that nothing lives at.
ListEntry poison;

struct Neighbours {
  ListEntry *prev, *next;
};

void misuse(Context& context, const List& l, std::string_view function, const ListEntry& e, std::string_view what) {
  Kernel& k = context.kernel();
  k.report(ViolationClass::api_misuse, l.name, fmt::format("{}('{}') on '{}': {}", function, k.text(e.name), k.text(l.name), what));
}

bool on_another(const List& l, const ListEntry& e) { return e.on != nullptr && e.on != &l && e.next != &e; }

void give_up(Context& context, const List& l, std::string_view function, const ListEntry& e) {
  const Kernel& k = context.kernel();
  context.engine().give_up(fmt::format("{}('{}') on '{}', which is on '{}'", function, k.text(e.name), k.text(l.name), k.text(e.on->name)));
}

template <class Effect> void change(Context& context, List& l, const Operation& operation, LifetimeId home, Neighbours n, Effect&& effect) {
  sim::Step s = context.make(operation, home);
  s.uses.add(n.prev->home).add(n.next->home);
  s.access = {l.object, sim::AccessKind::write};
  context.engine().step(s, [&](std::uint64_t& word) {
    effect();
    ++word;
  });
}

void add(Context& context, List& l, ListEntry& e, const Operation& operation, bool tail) {
  sim::Step load = context.make(add_load_op, l.head.home);
  load.access = {l.object, sim::AccessKind::read};
  const Neighbours n = context.engine().step(load, [&](std::uint64_t&) {
    return tail ? Neighbours{l.head.prev, &l.head} : Neighbours{&l.head, l.head.next};
  });
  if (context.aborting()) return;
  change(context, l, operation, e.home, n, [&] {
    if (n.prev->next != n.next || n.next->prev != n.prev) {
      misuse(context, l, "list_add", e, "a neighbour has changed in between");
    } else if (e.next != nullptr && e.next != &poison && e.next->prev == &e && e.next != &e) {
      misuse(context, l, "list_add", e, "it is on a list already");
    }
    e.on = &l;
    e.prev = n.prev;
    e.next = n.next;
    n.prev->next = n.next->prev = &e;
  });
}

enum class Del : std::uint8_t { plain, init, rcu };

void del(Context& context, List& l, ListEntry& e, Del how) {
  static constexpr std::string_view functions[]{"list_del", "list_del_init", "list_del_rcu"};
  const std::string_view function = functions[static_cast<std::size_t>(how)];
  sim::Step load = context.make(del_load_op, e.home);
  load.access = {l.object, sim::AccessKind::read};
  bool elsewhere = false;
  const Neighbours n = context.engine().step(load, [&](std::uint64_t&) {
    // The checks of __list_del_entry_valid() before it touches the neighbours.
    if (e.next == nullptr) {
      misuse(context, l, function, e, "it was never on a list");
    } else if (e.next == &poison || e.prev == &poison) {
      misuse(context, l, function, e, "it is deleted already");
    } else if (on_another(l, e)) {
      elsewhere = true;
    } else {
      return Neighbours{e.prev, e.next};
    }
    return Neighbours{nullptr, nullptr};
  });
  if (elsewhere) give_up(context, l, function, e);
  if (n.next == nullptr || context.aborting()) return;
  const Operation& operation = how == Del::plain ? del_op : how == Del::init ? del_init_op : del_rcu_op;
  change(context, l, operation, e.home, n, [&] {
    if (n.prev->next != &e || n.next->prev != &e) misuse(context, l, function, e, "a neighbour has changed in between");
    n.prev->next = n.next;
    n.next->prev = n.prev;
    if (how == Del::init) {
      e.next = e.prev = &e;
    } else {
      if (how == Del::plain) e.next = &poison;
      e.prev = &poison;
    }
  });
}

ListEntry* next(Context& context, const List& l, const ListEntry* from, const Operation& operation) {
  const ListEntry& at = from == nullptr ? l.head : *from;
  sim::Step s = context.make(operation, at.home);
  s.access = {l.object, sim::AccessKind::read};
  bool elsewhere = false;
  ListEntry* const found = context.engine().step(s, [&](std::uint64_t&) -> ListEntry* {
    if (at.next == &l.head) return nullptr;
    if (at.next == nullptr || at.next == &poison || at.next == &at) {
      misuse(context, l, operation.name, at, at.next == &at ? "it is on a list of its own, the walk never ends" : "it is on no list");
      return nullptr;
    }
    elsewhere = from != nullptr && on_another(l, *from);
    return elsewhere ? nullptr : at.next;
  });
  if (elsewhere) give_up(context, l, operation.name, at);
  return found;
}

}  // namespace

void init_list_entry(ListEntry& e, NameId declared, LifetimeId home, bool initialised) {
  e.name = declared;
  e.home = home;
  e.next = e.prev = initialised ? &e : nullptr;
  e.on = nullptr;
}

void init_list(Kernel& kernel, List& l, NameId unique_name, NameId declared, LifetimeId home) {
  l.object = kernel.engine().new_object(unique_name, 0);
  kernel.declare_object(l.object, declared);
  l.name = declared;
  init_list_entry(l.head, declared, home, true);
}

void set_up_again(Context& context, List& l) {
  context.write(init_op, l.object, l.head.home, [&](std::uint64_t& word) {
    ++word;
    l.head.next = l.head.prev = &l.head;
  });
}

void list_add(Context& context, List& l, ListEntry& e) { add(context, l, e, add_op, false); }

void list_add_tail(Context& context, List& l, ListEntry& e) { add(context, l, e, add_op, true); }

void list_add_rcu(Context& context, List& l, ListEntry& e) { add(context, l, e, add_rcu_op, false); }

void list_add_tail_rcu(Context& context, List& l, ListEntry& e) { add(context, l, e, add_rcu_op, true); }

void list_del(Context& context, List& l, ListEntry& e) { del(context, l, e, Del::plain); }

void list_del_init(Context& context, List& l, ListEntry& e) { del(context, l, e, Del::init); }

void list_del_rcu(Context& context, List& l, ListEntry& e) { del(context, l, e, Del::rcu); }

bool list_empty(Context& context, const List& l) {
  sim::Step s = context.make(empty_op, l.head.home);
  s.access = {l.object, sim::AccessKind::read};
  return context.engine().step(s, [&](std::uint64_t&) { return l.head.next == &l.head; });
}

ListEntry* list_next(Context& context, const List& l, const ListEntry* from) { return next(context, l, from, next_op); }

ListEntry* list_next_rcu(Context& context, const List& l, const ListEntry* from) { return next(context, l, from, next_rcu_op); }

}  // namespace unplug::model
