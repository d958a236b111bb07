#include "unplug/model/kernel/lib/atomic.hpp"

#include <utility>

namespace unplug::model {
namespace {

const Operation add_op{.name = "atomic_add", .marked = true},
    add_return_op{.name = "atomic_add_return", .sync = sim::Sync::both, .marked = true},
    add_unless_op{.name = "atomic_add_unless", .sync = sim::Sync::both, .marked = true, .repeat = sim::Repeat::looks},
    xchg_op{.name = "xchg", .sync = sim::Sync::both, .marked = true, .repeat = sim::Repeat::looks},
    cmpxchg_op{.name = "cmpxchg", .sync = sim::Sync::both, .marked = true, .repeat = sim::Repeat::looks};
const Operation set_op{.name = "set_bit", .marked = true, .repeat = sim::Repeat::looks},
    clear_op{.name = "clear_bit", .marked = true, .repeat = sim::Repeat::looks},
    unlock_op{.name = "clear_bit_unlock", .sync = sim::Sync::release, .marked = true, .repeat = sim::Repeat::looks},
    test_op{.name = "test_bit", .marked = true},
    test_set_op{.name = "test_and_set_bit", .sync = sim::Sync::both, .marked = true, .repeat = sim::Repeat::looks},
    lock_op{.name = "test_and_set_bit_lock", .sync = sim::Sync::acquire, .marked = true, .repeat = sim::Repeat::looks},
    test_clear_op{.name = "test_and_clear_bit", .sync = sim::Sync::both, .marked = true, .repeat = sim::Repeat::looks};

constexpr std::uint64_t mask(unsigned bit) { return std::uint64_t{1} << (bit & 63U); }

// Makes the bits in `bits` as they are in `value`; whether any was set before.
bool change_bits(Context& context, const Operation& operation, const Allocation& a, ObjectId field, std::uint64_t bits,
                 std::uint64_t value) {
  return context.write(operation, field, a.life, [&](std::uint64_t& word) {
    const bool was = (word & bits) != 0;
    word = (word & ~bits) | value;
    return was;
  });
}

}  // namespace

void atomic_add(Context& context, const Allocation& a, ObjectId field, std::uint64_t delta) {
  context.write(add_op, field, a.life, [delta](std::uint64_t& word) { word += delta; });
}

std::uint64_t atomic_add_return(Context& context, const Allocation& a, ObjectId field, std::uint64_t delta) {
  return context.write(add_return_op, field, a.life, [delta](std::uint64_t& word) { return word += delta; });
}

bool atomic_add_unless(Context& context, const Allocation& a, ObjectId field, std::uint64_t delta, std::uint64_t unless) {
  return context.write(add_unless_op, field, a.life, [=](std::uint64_t& word) {
    if (word == unless) return false;
    word += delta;
    return true;
  });
}

std::uint64_t atomic_xchg(Context& context, const Allocation& a, ObjectId field, std::uint64_t value) {
  return context.write(xchg_op, field, a.life, [value](std::uint64_t& word) { return std::exchange(word, value); });
}

std::uint64_t atomic_cmpxchg(Context& context, const Allocation& a, ObjectId field, std::uint64_t expected, std::uint64_t value) {
  return context.write(cmpxchg_op, field, a.life,
                       [=](std::uint64_t& word) { return word == expected ? std::exchange(word, value) : word; });
}

void set_bit(Context& context, const Allocation& a, ObjectId field, unsigned bit) {
  change_bits(context, set_op, a, field, mask(bit), mask(bit));
}

void clear_bit(Context& context, const Allocation& a, ObjectId field, unsigned bit) {
  change_bits(context, clear_op, a, field, mask(bit), 0);
}

void clear_bit_unlock(Context& context, const Allocation& a, ObjectId field, unsigned bit) {
  change_bits(context, unlock_op, a, field, mask(bit), 0);
}

bool test_bit(Context& context, const Allocation& a, ObjectId field, unsigned bit) {
  return (context.read(test_op, field, a.life) & mask(bit)) != 0;
}

bool test_and_set_bit(Context& context, const Allocation& a, ObjectId field, unsigned bit) {
  return change_bits(context, test_set_op, a, field, mask(bit), mask(bit));
}

bool test_and_set_bit_lock(Context& context, const Allocation& a, ObjectId field, unsigned bit) {
  return change_bits(context, lock_op, a, field, mask(bit), mask(bit));
}

bool test_and_clear_bit(Context& context, const Allocation& a, ObjectId field, unsigned bit) {
  return change_bits(context, test_clear_op, a, field, mask(bit), 0);
}

}  // namespace unplug::model
