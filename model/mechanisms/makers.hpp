// One constructor per mechanism, defined in the mechanism's own file.
#pragma once

#include <memory>

#include "unplug/model/mechanisms/mechanism.hpp"

namespace unplug::model {

std::unique_ptr<EntryGuard> make_no_entry_guard();
std::unique_ptr<EntryGuard> make_srcu_entry_guard();
std::unique_ptr<EntryGuard> make_rwsem_entry_guard();

std::unique_ptr<ResourceGuard> make_no_resource_guard();
std::unique_ptr<ResourceGuard> make_rcu_revoke();
std::unique_ptr<ResourceGuard> make_rcu_revoke_batched();

std::unique_ptr<ModulePin> make_no_pin();
std::unique_ptr<ModulePin> make_fd_refcount();

std::unique_ptr<Quiesce> make_leave();
std::unique_ptr<Quiesce> make_cancel_work();
std::unique_ptr<Quiesce> make_disable_work();
std::unique_ptr<Quiesce> make_flush_work();
std::unique_ptr<Quiesce> make_free_irq();
std::unique_ptr<Quiesce> make_shoot_down();

std::unique_ptr<ExitBarrier> make_no_exit_barrier();
std::unique_ptr<ExitBarrier> make_rcu_barrier();

}  // namespace unplug::model
