#include "unplug/model/kernel/fs/procfs.hpp"
#include "unplug/model/core/errno.hpp"

namespace unplug::model {
namespace {

const Operation create_op{.name = "proc_create", .sync = sim::Sync::release}, use_op{.name = "use_pde", .sync = sim::Sync::both},
    unuse_op{.name = "unuse_pde", .sync = sim::Sync::both}, bias_op{.name = "remove_proc_entry: add BIAS", .sync = sim::Sync::both},
    drain_op{.name = "remove_proc_entry: wait for operations", .sync = sim::Sync::acquire};
// Under pde_unload_lock.
const Operation list_op{.name = "proc_reg_open: list opener", .sync = sim::Sync::both},
    own_op{.name = "proc_reg_release: find opener", .sync = sim::Sync::both},
    next_op{.name = "remove_proc_entry: next opener", .sync = sim::Sync::both},
    closing_op{.name = "close_pdeo: wait for who releases it", .sync = sim::Sync::acquire},
    closed_op{.name = "close_pdeo: released", .sync = sim::Sync::both};

constexpr std::uint64_t users_mask = 0xffffffff, there = std::uint64_t{1} << 32U, biased = std::uint64_t{1} << 33U;

const StaticName open_function{"proc_reg_open"}, rundown_function{"proc_entry_rundown"};

constexpr std::uint64_t listed(std::size_t place) { return std::uint64_t{1} << (2 * place); }
constexpr std::uint64_t closing(std::size_t place) { return std::uint64_t{2} << (2 * place); }

bool use_pde(Context& context, ProcEntry& e) {
  const TaskId me = context.engine().current();
  return context.write(use_op, e.in_use, {}, [&](std::uint64_t& word) {
    if ((word & (there | biased)) != there) return false;
    ++word;
    context.kernel().hold(e.in_use, me);
    return true;
  });
}

void unuse_pde(Context& context, ProcEntry& e) {
  const TaskId me = context.engine().current();
  context.write(unuse_op, e.in_use, {}, [&](std::uint64_t& word) {
    --word;
    context.kernel().unhold(e.in_use, me);
  });
}

int used(Context& context, File& file, ProcEntry& e, FileOperation operation, void* argument, int removed, int without) {
  if (!use_pde(context, e) || context.aborting()) return removed;
  const int result = operation != nullptr ? operation(context, file, argument) : without;
  if (!context.aborting()) unuse_pde(context, e);
  return result;
}

int proxy_read(Context& context, File& file, void* argument) {
  auto& e = *static_cast<ProcEntry*>(argument);
  return used(context, file, e, e.real.read, e.real.read_argument, eio, eio);
}
int proxy_write(Context& context, File& file, void* argument) {
  auto& e = *static_cast<ProcEntry*>(argument);
  return used(context, file, e, e.real.write, e.real.write_argument, eio, eio);
}
int proxy_ioctl(Context& context, File& file, void* argument) {
  auto& e = *static_cast<ProcEntry*>(argument);
  return used(context, file, e, e.real.ioctl, e.real.ioctl_argument, enotty, enotty);
}
std::uint32_t proxy_poll(Context& context, File& file, PollTable& table, void* argument) {
  auto& e = *static_cast<ProcEntry*>(argument);
  if (!use_pde(context, e) || context.aborting()) return default_pollmask;
  const std::uint32_t mask = e.real.poll != nullptr ? e.real.poll(context, file, table, e.real.poll_argument) : default_pollmask;
  if (!context.aborting()) unuse_pde(context, e);
  return mask;
}
int proxy_mmap(Context& context, File& file, Vma& vma, void* argument) {
  auto& e = *static_cast<ProcEntry*>(argument);
  if (!use_pde(context, e) || context.aborting()) return eio;
  const int result = e.real.mmap != nullptr ? e.real.mmap(context, file, vma, e.real.mmap_argument) : eio;
  if (!context.aborting()) unuse_pde(context, e);
  return result;
}

// What a task has found of an opener.
struct Opener {
  enum class State : std::uint8_t { none, mine, others } state = State::none;
  std::size_t place = 0;
  File file;
};

// From an effect on e.openers: who comes to a listed opener first releases it.
Opener claim(Context& context, ProcEntry& e, std::uint64_t& word, std::size_t place) {
  if ((word & closing(place)) != 0) return {Opener::State::others, place, {}};
  word |= closing(place);
  context.kernel().hold(e.openers, context.engine().current());
  return {Opener::State::mine, place, e.files[place]};
}

// close_pdeo(): releases the opener, or waits for who does.
void close_pdeo(Context& context, ProcEntry& e, Opener& o) {
  if (o.state == Opener::State::others) {
    sim::Step s = context.make(closing_op);
    s.access = {e.openers, sim::AccessKind::read};
    s.guard = sim::Guard::equal(0, listed(o.place));
    context.wait(s, {"close_pdeo", e.name, Owner::driver}, [](std::uint64_t&) {});
    return;
  }
  e.real.release(context, o.file, e.real.release_argument);
  if (context.aborting()) return;
  const TaskId me = context.engine().current();
  context.write(closed_op, e.openers, {}, [&](std::uint64_t& word) {
    word &= ~(listed(o.place) | closing(o.place));
    context.kernel().unhold(e.openers, me);
  });
}

int proxy_release(Context& context, File& file, void* argument) {
  auto& e = *static_cast<ProcEntry*>(argument);
  Opener o;
  context.write(own_op, e.openers, {}, [&](std::uint64_t& word) {
    for (std::size_t i = 0; i < e.files.size(); ++i)
      if ((word & listed(i)) != 0 && e.files[i].memory.life == file.memory.life) o = claim(context, e, word, i);
  });
  if (o.state != Opener::State::none && !context.aborting()) close_pdeo(context, e, o);
  return 0;
}

}  // namespace

void init_proc_entry(Kernel& kernel, ProcEntry& e, NameId unique_name, NameId declared, LifetimeId owner) {
  static constexpr std::string_view openers = "openers";
  e.in_use = kernel.engine().new_object(unique_name, 0);
  e.openers = kernel.engine().new_object(kernel.engine().names().child(unique_name, openers, 1), 0);
  e.name = declared;
  e.life = kernel.new_lifetime(unique_name, LifetimeKind::registration, declared, owner, false);
  e.files.clear();
  e.proxy = {};
  e.proxy.read = proxy_read;
  e.proxy.write = proxy_write;
  e.proxy.ioctl = proxy_ioctl;
  e.proxy.poll = proxy_poll;
  e.proxy.mmap = proxy_mmap;
  e.proxy.release = proxy_release;
  e.proxy.read_argument = e.proxy.write_argument = e.proxy.ioctl_argument = e.proxy.poll_argument = e.proxy.mmap_argument =
      e.proxy.release_argument = &e;
}

void proc_create(Context& context, ProcEntry& e) {
  sim::Step s = context.make(create_op);
  s.access = {e.in_use, sim::AccessKind::write};
  context.engine().step(s, [&](std::uint64_t& word) {
    if ((word & (there | biased)) == there) {
      context.kernel().report(ViolationClass::api_misuse, e.name, "proc_create() of a name that is there already");
    } else {
      context.engine().begins(e.life);
    }
    word = (word & users_mask) | there;
  });
}

void remove_proc_entry(Context& context, ProcEntry& e) {
  const Context::KernelFunction function(context, rundown_function);
  const bool found = context.write(bias_op, e.in_use, {}, [&](std::uint64_t& word) {
    if ((word & (there | biased)) == there) {
      word |= biased;
      context.engine().ends(e.life);
      return true;
    }
    context.kernel().report(ViolationClass::api_misuse, e.name, "remove_proc_entry() of a name that is not there");
    return false;
  });
  if (!found || context.aborting()) return;
  sim::Step s = context.make(drain_op);
  s.access = {e.in_use, sim::AccessKind::read};
  s.guard = sim::Guard::equal(0, users_mask);
  context.wait(s, {"remove_proc_entry", e.name, Owner::driver}, [](std::uint64_t&) {});
  // Nobody can be added to the list any more.
  for (;;) {
    Opener o;
    if (context.aborting()) return;
    context.write(next_op, e.openers, {}, [&](std::uint64_t& word) {
      for (std::size_t i = 0; i < e.files.size() && o.state == Opener::State::none; ++i)
        if ((word & listed(i)) != 0) o = claim(context, e, word, i);
    });
    if (o.state == Opener::State::none || context.aborting()) return;
    close_pdeo(context, e, o);
  }
}

int proc_open(Context& context, ProcEntry& e, File& file) {
  const Context::KernelFunction function(context, open_function);
  if (!use_pde(context, e) || context.aborting()) return enoent;
  const int result = e.real.open != nullptr ? e.real.open(context, file, e.real.open_argument) : 0;
  if (context.aborting()) return enoent;
  if (result == 0 && e.real.release != nullptr) {
    const bool added = context.write(list_op, e.openers, {}, [&](std::uint64_t& word) {
      std::size_t place = 0;
      while (place < proc_openers && (word & listed(place)) != 0) ++place;
      if (place == proc_openers) return false;
      if (e.files.size() <= place) e.files.resize(place + 1);
      e.files[place] = file;
      word |= listed(place);
      return true;
    });
    if (!added && !context.aborting())
      context.engine().give_up("more files of one proc entry are open at once than the model has places for");
  }
  if (context.aborting()) return enoent;
  unuse_pde(context, e);
  if (result != 0) return result;
  file.ops = &e.proxy;
  file.open = true;
  return 0;
}

int proc_lseek(Context& context, ProcEntry& e, File& file) { return used(context, file, e, e.lseek, e.lseek_argument, einval, einval); }

}  // namespace unplug::model
