// percpu_ref: references that cost nothing while the object lives, and are counted once it is killed.
//
// lib/percpu-refcount.c, v6.18. Alive, get and put add to per-CPU counters that nobody sums; the shared count is biased, so nothing reaches
// 0. percpu_ref_kill() marks the reference dead, after which percpu_ref_tryget_live() fails; get and tryget go on succeeding (tryget until
// the count is 0). A grace period of RCU later (get and put look at the mark and count in one read-side section) a callback adds
// the counters to the shared count and calls `confirm`: from then on nobody can have missed the mark. Whoever puts the last reference calls
// `release`, inside a read-side section. No grace period is implied between kill and release: in atomic mode there is none.
// The sections of get and put, two instructions long, are no sections of the domain here, which would cost two steps each and a word that
// all share: the mark knows who has looked at it and not counted yet, and the callback, after its grace period, waits for them.
// Left out: the per-CPU counters one by one (their sum is in the word of the mark), percpu_ref_switch_lock, switching modes alone, reinit
// and resurrect, that one which never exits leaks its counters.
#pragma once

#include "unplug/model/kernel/rcu/rcu.hpp"

namespace unplug::model {

enum class PercpuRefMode : std::uint8_t { percpu, atomic, dead };  // PERCPU_REF_INIT_ATOMIC, _DEAD

struct PercpuRef {
  ObjectId mark;       // word: bit 0 atomic, bit 1 dead (the low bits of percpu_count_ptr); more: percpu_ref.cpp
  ObjectId count;      // word: data->count
  ObjectId switching;  // word: 1 while a switch to atomic is under way (data->confirm_switch)
  NameId name;
  LifetimeId home;  // memory that it is embedded in
  LifetimeId data;  // counters: until percpu_ref_exit()
  Rcu* rcu = nullptr;
  void (*release)(Context&, void*) = nullptr;
  void (*confirm)(Context&, void*) = nullptr;  // null: nobody wants to know
  void* argument = nullptr;                    // of both ...
  void* confirm_argument = nullptr;            // ... unless this is what `confirm` is given
  RcuCallback callback;
  std::uint64_t first_mark = 0, first_count = 0;  // words at first
};
// `release` and what `confirm` may be are set before. The PercpuRef must stay where it is until the execution has ended.
void init_percpu_ref(Kernel& kernel, PercpuRef& ref, Rcu& rcu, NameId unique_name, NameId declared, LifetimeId home, PercpuRefMode mode);

// percpu_ref_init() of one that may have been used, and left with percpu_ref_exit(): counters of its own, and one reference.
void set_up_again(Context& context, PercpuRef& ref);

// Needs a reference that is held.
void percpu_ref_get(Context& context, PercpuRef& ref);
// false: the count is 0.
bool percpu_ref_tryget(Context& context, PercpuRef& ref);
// false: killed (as far as this CPU has seen).
bool percpu_ref_tryget_live(Context& context, PercpuRef& ref);
void percpu_ref_put(Context& context, PercpuRef& ref);
// Marks it dead and drops the reference it was born with; does not wait. percpu_ref_kill_and_confirm() if `confirm` is set. Twice is
// api-misuse, and drops a reference too many.
void percpu_ref_kill(Context& context, PercpuRef& ref);
// Frees the counters. While a switch is under way: api-misuse.
void percpu_ref_exit(Context& context, PercpuRef& ref);

}  // namespace unplug::model
