// Pointers that RCU or SRCU protects, and who may follow them.
//
// include/linux/rcupdate.h (rcu_dereference), include/linux/srcu.h (srcu_dereference), kernel/rcu/update.c (rcu_read_lock_held), v6.18. A
// load after which what the pointer leads to is seen as it was published. CONFIG_PROVE_RCU complains ("suspicious RCU usage") of an
// rcu_dereference() by who is in no section of rcu_read_lock(), and of an srcu_dereference() by who is in none of its domain, whether or
// not somebody frees it meanwhile; the load is done all the same. That grace periods wait for interrupt handlers and softirqs doesn't
// count: rcu_read_lock_held() knows of rcu_read_lock() alone, so callbacks of call_rcu() and timers have to take it like everybody. Left
// out: the conditions of rcu_dereference_check() and rcu_dereference_protected(), rcu_dereference_bh() and _sched(), traversals of lists
// (CONFIG_PROVE_RCU_LIST), that a poll function of NAPI (a section here) has to take it.
#pragma once

#include "unplug/model/kernel/lib/memory.hpp"
#include "unplug/model/kernel/rcu/srcu.hpp"

namespace unplug::model {

// Of field `field` of `a`. Outside of rcu_read_lock(): suspicious-rcu-usage.
std::uint64_t rcu_dereference(Context& context, const Allocation& a, ObjectId field);
// The same for a pointer that sections of domain `s` protect.
std::uint64_t srcu_dereference(Context& context, const Srcu& s, const Allocation& a, ObjectId field);

}  // namespace unplug::model
