#include "unplug/model/kernel/fs/poll.hpp"

#include <algorithm>

namespace unplug::model {
namespace {

const Operation add_op{.name = "poll_wait: add entry", .sync = sim::Sync::both},
    remove_op{.name = "poll_freewait: remove entry", .sync = sim::Sync::both}, wake_op{.name = "wake_up_poll", .sync = sim::Sync::both},
    pollfree_op{.name = "wake_up_pollfree", .sync = sim::Sync::both}, trigger_op{.name = "pollwake", .sync = sim::Sync::release},
    sleep_op{.name = "poll: schedule()", .sync = sim::Sync::acquire};
const Operation callback_op{.name = "ep_poll_callback", .sync = sim::Sync::release},
    off_op{.name = "ep_poll_callback: POLLFREE", .sync = sim::Sync::release}, hook_op{.name = "ep_insert: whead set"},
    whead_op{.name = "ep_remove: load whead", .sync = sim::Sync::acquire},
    unhook_op{.name = "ep_remove: remove entry", .sync = sim::Sync::both},
    link_op{.name = "ep_insert: link to the file", .sync = sim::Sync::release}, unlink_op{.name = "ep_remove: unlink from the file"},
    release_op{.name = "eventpoll_release", .sync = sim::Sync::acquire}, wait_op{.name = "epoll_wait", .sync = sim::Sync::acquire};

const StaticName poll_function{"vfs_poll"};

// Those who are on the queue; under its lock.
struct Waiters {
  std::vector<PollTable*> tables;
  std::vector<EpollItem*> items;
};

Waiters waiters(Context& context, PollQueue& q, const Operation& operation, bool free) {
  Waiters w;
  context.write(operation, q.object, q.home, [&](std::uint64_t& word) {
    ++word;
    w = {q.tables, q.items};
    if (free) q.items.clear();
  });
  return w;
}

void wake(Context& context, PollQueue& q, const Operation& operation, bool free) {
  const Waiters w = waiters(context, q, operation, free);
  for (PollTable* const t : w.tables) context.write(trigger_op, t->triggered, {}, [](std::uint64_t& word) { word = 1; });
  for (EpollItem* const i : w.items) {
    context.write(callback_op, i->epoll->ready, {}, [](std::uint64_t& word) { ++word; });
    if (free) context.write(off_op, i->whead, {}, [](std::uint64_t& word) { word = 0; });
  }
}

// ep_remove(): off the queue, unless the queue has thrown it off. What it looks at there is safe under RCU.
void ep_unregister(Context& context, EpollItem& item, Rcu& rcu) {
  rcu_read_lock(context, rcu);
  const bool on = context.read(whead_op, item.whead, {}) != 0;
  if (on && !context.aborting()) {
    context.write(unhook_op, item.queue->object, item.queue->home, [&](std::uint64_t& word) {
      ++word;
      std::erase(item.queue->items, &item);
    });
  }
  if (!context.aborting()) rcu_read_unlock(context, rcu);
}

void poll_freewait(Context& context, PollTable& table) {
  for (PollTable::Entry& e : table.entries) {
    if (context.aborting()) return;
    context.write(remove_op, e.queue->object, e.queue->home, [&](std::uint64_t& word) {
      ++word;
      const auto at = std::ranges::find(e.queue->tables, &table);
      if (at != e.queue->tables.end()) e.queue->tables.erase(at);
    });
    if (e.file.count && !context.aborting()) fput(context, e.file);
  }
  table.entries.clear();
}

}  // namespace

void init_poll_queue(Kernel& kernel, PollQueue& q, NameId unique_name, NameId declared, LifetimeId home, Owner owner) {
  q.object = kernel.engine().new_object(unique_name, 0);
  q.name = declared;
  q.home = home;
  q.owner = owner;
  q.tables.clear();
  q.items.clear();
}

void init_poll_table(Kernel& kernel, PollTable& table, NameId unique_name) {
  table.triggered = kernel.engine().new_object(unique_name, 0);
  table.registering = false;
  table.item = nullptr;
  table.entries.clear();
}

void poll_wait(Context& context, File& file, PollQueue& q, PollTable& table) {
  if (!table.registering) return;
  if (table.item != nullptr) {
    EpollItem& item = *table.item;
    item.queue = &q;
    context.write(hook_op, item.whead, {}, [](std::uint64_t& word) { word = 1; });
    context.write(add_op, q.object, q.home, [&](std::uint64_t& word) {
      ++word;
      q.items.push_back(&item);
    });
    return;
  }
  PollTable::Entry entry{&q, {}};
  if (file.count) get_file(context, file, entry.file);
  table.entries.push_back(std::move(entry));
  context.write(add_op, q.object, q.home, [&](std::uint64_t& word) {
    ++word;
    q.tables.push_back(&table);
  });
}

void wake_up_poll(Context& context, PollQueue& q) { wake(context, q, wake_op, false); }

void wake_up_pollfree(Context& context, PollQueue& q) { wake(context, q, pollfree_op, true); }

std::uint32_t vfs_poll(Context& context, File& file, PollTable& table) {
  static const KernelSite enter_site{"vfs_poll", "enter"}, exit_site{"vfs_poll", "leave"};
  const Context::KernelFunction function(context, poll_function);
  const FileOperations& ops = load_f_op(context, file);
  if (ops.poll == nullptr || context.aborting()) return default_pollmask;
  std::uint32_t mask = 0;
  bool entered = true;
  guarded(context, ops, file, enter_site, exit_site, entered, [&] {
    mask = ops.poll(context, file, table, ops.poll_argument);
    return 0;
  });
  return entered ? mask : epollerr;
}

std::uint32_t do_poll(Context& context, std::span<File* const> files, std::uint32_t events, PollTable& table) {
  const std::uint32_t wanted = events | epollerr | epollhup;
  std::uint32_t mask = 0;
  table.registering = true;
  for (;;) {
    for (File* const f : files) {
      mask |= vfs_poll(context, *f, table) & wanted;
      if (context.aborting()) return 0;
      if (mask != 0) table.registering = false;  // it won't sleep
    }
    table.registering = false;
    if (mask != 0) break;
    // Its entries are in the queues while it sleeps: who wakes walks them.
    sim::Step s = context.make(sleep_op);
    for (const PollTable::Entry& e : table.entries)
      if (s.uses.size() < sim::Witnesses::capacity - 1) s.uses.add(e.queue->home);
    s.access = {table.triggered, sim::AccessKind::write};
    s.guard = sim::Guard::equal(1);
    const bool one = !table.entries.empty();
    context.wait(s, {"poll", one ? table.entries.front().queue->name : NameId{}, one ? table.entries.front().queue->owner : Owner::user},
                 [](std::uint64_t& word) { word = 0; });
    if (context.aborting()) return 0;
  }
  poll_freewait(context, table);
  return mask;
}

void init_epoll(Kernel& kernel, Epoll& ep, NameId unique_name, NameId declared) {
  ep = {kernel.engine().new_object(unique_name, 0), declared};
}

void init_epoll_item(Kernel& kernel, EpollItem& item, Epoll& ep, NameId unique_name) {
  static constexpr std::string_view table = "table";
  item.epoll = &ep;
  item.queue = nullptr;
  item.whead = kernel.engine().new_object(unique_name, 0);
  init_poll_table(kernel, item.table, kernel.engine().names().child(unique_name, table, 1));
  item.table.item = &item;
}

void init_epoll_links(Kernel& kernel, EpollLinks& links, Rcu& rcu, NameId unique_name) {
  links.object = kernel.engine().new_object(unique_name, 0);
  links.rcu = &rcu;
  links.items.clear();
}

void epoll_add(Context& context, EpollItem& item, File& file) {
  EpollLinks& links = *file.links;
  context.write(link_op, links.object, file.memory.life, [&](std::uint64_t& word) {
    ++word;
    links.items.push_back(&item);
  });
  item.table.registering = true;
  const std::uint32_t mask = vfs_poll(context, file, item.table);
  item.table.registering = false;
  if ((mask & (epollin | epollpri | epollerr | epollhup)) != 0 && !context.aborting())
    context.write(callback_op, item.epoll->ready, {}, [](std::uint64_t& word) { ++word; });
}

void epoll_del(Context& context, EpollItem& item, File& file) {
  EpollLinks& links = *file.links;
  const bool was = context.write(unlink_op, links.object, file.memory.life, [&](std::uint64_t& word) {
    if (std::erase(links.items, &item) == 0) return false;
    --word;
    return true;
  });
  if (was && !context.aborting()) ep_unregister(context, item, *links.rcu);
}

void epoll_wait(Context& context, Epoll& ep, Owner owner) {
  sim::Step s = context.make(wait_op);
  s.access = {ep.ready, sim::AccessKind::write};
  s.guard = sim::Guard::not_equal(0);
  context.wait(s, {"epoll_wait", ep.name, owner}, [](std::uint64_t& word) { word = 0; });
}

void eventpoll_release(Context& context, EpollLinks& links) {
  std::vector<EpollItem*> items;
  context.write(release_op, links.object, {}, [&](std::uint64_t& word) {
    word = 0;
    items.swap(links.items);
  });
  for (EpollItem* const i : items)
    if (!context.aborting()) ep_unregister(context, *i, *links.rcu);
}

}  // namespace unplug::model
