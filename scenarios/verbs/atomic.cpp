// Atomic operations on fields.
#include "unplug/model/kernel/lib/atomic.hpp"

#include <string>

#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

std::uint32_t do_add(Frame& f, const Instruction& i, std::uint32_t next) {
  if (const FieldRef r = field(f, i); r.memory != nullptr) model::atomic_add(f.context, *r.memory, r.object, value(f, i));
  return next;
}

template <std::int64_t delta> std::uint32_t do_add_one(Frame& f, const Instruction& i, std::uint32_t next) {
  if (const FieldRef r = field(f, i); r.memory != nullptr)
    model::atomic_add(f.context, *r.memory, r.object, static_cast<std::uint64_t>(delta));
  return next;
}

template <std::int64_t delta> std::uint32_t do_add_return(Frame& f, const Instruction& i, std::uint32_t next) {
  if (const FieldRef r = field(f, i); r.memory != nullptr)
    set_local(f, i, model::atomic_add_return(f.context, *r.memory, r.object, static_cast<std::uint64_t>(delta)));
  return next;
}

std::uint32_t do_dec_and_test(Frame& f, const Instruction& i, std::uint32_t next) {
  if (const FieldRef r = field(f, i); r.memory != nullptr)
    set_local(f, i, model::atomic_add_return(f.context, *r.memory, r.object, std::uint64_t{0} - 1) == 0 ? 1 : 0);
  return next;
}

std::uint32_t do_inc_not_zero(Frame& f, const Instruction& i, std::uint32_t next) {
  const FieldRef r = field(f, i);
  if (r.memory == nullptr) return next;
  const bool done = model::atomic_add_unless(f.context, *r.memory, r.object, 1, 0);
  set_local(f, i, done ? 1 : 0);
  return done ? next : otherwise(f, i, next);
}

std::uint32_t do_xchg(Frame& f, const Instruction& i, std::uint32_t next) {
  if (const FieldRef r = field(f, i); r.memory != nullptr) set_local(f, i, model::atomic_xchg(f.context, *r.memory, r.object, value(f, i)));
  return next;
}

std::uint32_t do_cmpxchg(Frame& f, const Instruction& i, std::uint32_t next) {
  if (const FieldRef r = field(f, i); r.memory != nullptr)
    set_local(f, i, model::atomic_cmpxchg(f.context, *r.memory, r.object, value(f, i.old), value(f, i)));
  return next;
}

// A verb that is one call: function(context, memory, field, bit).
template <auto function> std::uint32_t on_bit(Frame& f, const Instruction& i, std::uint32_t next) {
  const FieldRef r = field(f, i);
  if (r.memory == nullptr) return next;
  const auto bit = static_cast<unsigned>(i.amount);
  if constexpr (std::is_void_v<decltype(function(f.context, *r.memory, r.object, bit))>) {
    function(f.context, *r.memory, r.object, bit);
  } else {
    set_local(f, i, function(f.context, *r.memory, r.object, bit) ? 1 : 0);
  }
  return next;
}

constexpr KeySpec added{"value", KeyKind::value, true, "what is added: an integer or a local"},
    stored{"value", KeyKind::value, true, "what is stored: an integer, NULL, a local, or the name of declared memory"},
    result{"to", KeyKind::to, true, "local that receives the value after it"},
    zero{"to", KeyKind::to, true, "local that receives 1 if it is 0 now, else 0"},
    before{"to", KeyKind::to, false, "local that receives the value before it"};

Verb atomic(std::string_view name, Execute execute, std::vector<KeySpec> keys, std::string_view summary) {
  Verb v;
  v.name = name;
  v.operand = OperandKind::field;
  v.execute = execute;
  v.keys = std::move(keys);
  v.models = "include/linux/atomic/atomic-instrumented.h, v6.18";
  v.leaves_out = "the 32 bits of an atomic_t, the _relaxed, _acquire and _release variants";
  v.summary = summary;
  return v;
}

Verb bits(std::string_view name, Execute execute, bool answers, std::string_view summary) {
  Verb v = atomic(name, execute, {{"bit", KeyKind::number, true, "its number, from 0"}}, summary);
  if (answers) v.keys.push_back({"to", KeyKind::to, true, "local that receives 1 or 0"});
  v.models = "include/asm-generic/bitops/atomic.h, v6.18";
  v.leaves_out = "arrays of words: bits 0 to 63 of one field";
  return v;
}

Verb barrier(std::string_view name) {
  Verb v;
  v.name = name;
  v.execute = [](Frame&, const Instruction&, std::uint32_t next) { return next; };
  v.acts = false;
  v.models = "include/asm-generic/barrier.h, v6.18";
  v.leaves_out = "what it is for: memory is sequentially consistent, with and without it";
  v.summary = "a memory barrier; not a step";
  return v;
}

}  // namespace

std::vector<Verb> atomic_verbs() {
  Verb test = bits("test_bit", on_bit<model::test_bit>, true, "whether the bit is set");
  test.acts = false;
  return {
      atomic("atomic_inc", do_add_one<1>, {}, "adds one"),
      atomic("atomic_dec", do_add_one<-1>, {}, "takes one away"),
      atomic("atomic_add", do_add, {added}, "adds a number"),
      atomic("atomic_inc_return", do_add_return<1>, {result}, "adds one and answers what it is then"),
      atomic("atomic_dec_return", do_add_return<-1>, {result}, "takes one away and answers what it is then"),
      atomic("atomic_dec_and_test", do_dec_and_test, {zero}, "takes one away and answers whether none is left"),
      atomic("atomic_inc_not_zero", do_inc_not_zero,
             {{"to", KeyKind::to, false, "local that receives 1 or 0"}, {"else", KeyKind::otherwise, false, "where to go if it is 0"}},
             "adds one unless it is 0"),
      alias("atomic_read", "READ_ONCE"),
      alias("atomic_set", "WRITE_ONCE"),
      atomic("xchg", do_xchg, {stored, before}, "stores a value and answers what was there"),
      alias("atomic_xchg", "xchg"),
      atomic("cmpxchg", do_cmpxchg, {{"old", KeyKind::old, true, "the value that has to be there"}, stored, before},
             "stores a value if another is there, and answers what was"),
      alias("atomic_cmpxchg", "cmpxchg"),
      bits("set_bit", on_bit<model::set_bit>, false, "sets a bit"),
      bits("clear_bit", on_bit<model::clear_bit>, false, "clears a bit"),
      bits("clear_bit_unlock", on_bit<model::clear_bit_unlock>, false, "clears a bit, with release order"),
      test,
      bits("test_and_set_bit", on_bit<model::test_and_set_bit>, true, "sets a bit and answers whether it was"),
      bits("test_and_set_bit_lock", on_bit<model::test_and_set_bit_lock>, true, "the same with acquire order only"),
      bits("test_and_clear_bit", on_bit<model::test_and_clear_bit>, true, "clears a bit and answers whether it was set"),
      barrier("smp_mb"),
      barrier("smp_rmb"),
      barrier("smp_wmb"),
      barrier("smp_mb__before_atomic"),
      barrier("smp_mb__after_atomic"),
  };
}

}  // namespace unplug::scenarios
