#include "unplug/model/kernel/rcu/rcu_pointer.hpp"

#include <algorithm>

namespace unplug::model {
namespace {

std::uint64_t dereference(Context& context, bool held, const char* complaint, const Allocation& a, ObjectId field) {
  if (!held) {
    NameId name = a.name;
    for (const auto& [n, object] : a.fields)
      if (object == field) name = context.kernel().member(a.name, n);
    context.kernel().report(ViolationClass::suspicious_rcu_usage, name, complaint, Shown::next);
  }
  return load(context, a, field, MemoryOrder::acquire_release);
}

}  // namespace

std::uint64_t rcu_dereference(Context& context, const Allocation& a, ObjectId field) {
  return dereference(context, context.rcu_nesting > 0, "rcu_dereference() outside of rcu_read_lock()", a, field);
}

std::uint64_t srcu_dereference(Context& context, const Srcu& s, const Allocation& a, ObjectId field) {
  const bool held = std::ranges::find(context.held, s.index, &HeldLock::object) != context.held.end();
  return dereference(context, held, "srcu_dereference() outside of a section of its domain", a, field);
}

}  // namespace unplug::model
