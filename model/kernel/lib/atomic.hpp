// Atomic operations on fields of memory: atomic_t, xchg() and cmpxchg(), bits.
//
// include/linux/atomic/atomic-instrumented.h, include/asm-generic/bitops/atomic.h and lock.h, v6.18. Each is one step and a marked access.
// Those that answer a value are fully ordered (here also a cmpxchg() that finds another value, which is not); those that don't order
// nothing. The _lock form of test_and_set_bit() acquires, clear_bit_unlock() releases. Left out: the 32 bits of an atomic_t (a field is a
// word of 64), the _relaxed, _acquire and _release variants, non-atomic bit operations (__set_bit()), which are a load and a store.
#pragma once

#include "unplug/model/kernel/lib/memory.hpp"

namespace unplug::model {

// atomic_add(), and with it atomic_inc(), atomic_dec() and atomic_sub().
void atomic_add(Context& context, const Allocation& a, ObjectId field, std::uint64_t delta);
// The value after it.
std::uint64_t atomic_add_return(Context& context, const Allocation& a, ObjectId field, std::uint64_t delta);
// Unless the value is `unless`: whether it was added. atomic_inc_not_zero() is one.
bool atomic_add_unless(Context& context, const Allocation& a, ObjectId field, std::uint64_t delta, std::uint64_t unless);
// The value before it.
std::uint64_t atomic_xchg(Context& context, const Allocation& a, ObjectId field, std::uint64_t value);
// Stores `value` if it finds `expected`. What it has found.
std::uint64_t atomic_cmpxchg(Context& context, const Allocation& a, ObjectId field, std::uint64_t expected, std::uint64_t value);

void set_bit(Context& context, const Allocation& a, ObjectId field, unsigned bit);
void clear_bit(Context& context, const Allocation& a, ObjectId field, unsigned bit);
void clear_bit_unlock(Context& context, const Allocation& a, ObjectId field, unsigned bit);
bool test_bit(Context& context, const Allocation& a, ObjectId field, unsigned bit);
// Whether it was set before.
bool test_and_set_bit(Context& context, const Allocation& a, ObjectId field, unsigned bit);
bool test_and_set_bit_lock(Context& context, const Allocation& a, ObjectId field, unsigned bit);
bool test_and_clear_bit(Context& context, const Allocation& a, ObjectId field, unsigned bit);

}  // namespace unplug::model
