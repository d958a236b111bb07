// Intrusive lists.
//
// include/linux/list.h, rculist.h, lib/list_debug.c (CONFIG_DEBUG_LIST), v6.18. An entry is part of some memory; adding and deleting write
// to both neighbours, so one that was freed on a list is touched when its neighbours change. Like the kernel, list_add() and list_del()
// first load who the neighbours are and then store to them: without a lock around both, two of them tear the list (data-race, and
// api-misuse where a stale neighbour is found). list_del() poisons both pointers: deleting again, or walking on from the entry, is caught;
// list_del_init() makes it an empty list of its own; list_del_rcu() leaves `next`, so that readers walk on, and poisons `prev`.
// All is one object with the list. Left out: splicing, moving, hlists, iteration backwards.
#pragma once

#include "unplug/model/core/context.hpp"

namespace unplug::model {

struct List;

struct ListEntry {
  NameId name;
  LifetimeId home;              // memory it lives in; none: static
  std::uint64_t container = 0;  // which object that is, as whoever made the entry numbers them: for who finds it on a list
  // Touched in steps on the list's object only. `next` null: never initialised (zeroes).
  ListEntry *next = nullptr, *prev = nullptr;
  const List* on = nullptr;  // that it was put on last
};
// An entry that is on no list: zeroes, or as INIT_LIST_HEAD() leaves it.
void init_list_entry(ListEntry& e, NameId declared, LifetimeId home, bool initialised = false);

struct List {
  ObjectId object;  // word: number of changes
  NameId name;
  ListEntry head;
};
void init_list(Kernel& kernel, List& l, NameId unique_name, NameId declared, LifetimeId home);

// INIT_LIST_HEAD() of one that may have been used: it is empty. Entries are not told.
void set_up_again(Context& context, List& l);

void list_add(Context& context, List& l, ListEntry& e);
void list_add_tail(Context& context, List& l, ListEntry& e);
// For a list that readers walk under RCU: publishes the entry.
void list_add_rcu(Context& context, List& l, ListEntry& e);
void list_add_tail_rcu(Context& context, List& l, ListEntry& e);
// Of one that is on no list: api-misuse, and nothing changes; but list_del_init() may be repeated. Of one that is on another list than `l`:
// the execution is given up (Engine::give_up); so it is where a walk goes on from such a one. In C nothing names the list, so this is a
// mistake of who does: two lists are two objects here, and steps on one of them are not ordered with those on the other.
void list_del(Context& context, List& l, ListEntry& e);
void list_del_init(Context& context, List& l, ListEntry& e);
void list_del_rcu(Context& context, List& l, ListEntry& e);
[[nodiscard]] bool list_empty(Context& context, const List& l);

// One step of list_for_each_entry(): the entry after `from`, or the first (`from` null). Null: the end, or one that leads nowhere any more
// (poisoned, or on a list of its own: api-misuse). The caller's body uses what the entry lives in.
[[nodiscard]] ListEntry* list_next(Context& context, const List& l, const ListEntry* from);
// The same for list_for_each_entry_rcu(), inside an RCU read-side section.
[[nodiscard]] ListEntry* list_next_rcu(Context& context, const List& l, const ListEntry* from);

}  // namespace unplug::model
