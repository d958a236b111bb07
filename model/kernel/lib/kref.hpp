// Reference counts: struct kref, and the refcount_t it is.
//
// include/linux/kref.h, refcount.h, lib/refcount.c, v6.18. A count keeps memory alive, nothing else. Who puts the last reference runs the
// release function, where he is: in any context, under whatever he holds. Taking a reference needs one that is held, or something else
// that keeps the object there until kref_get_unless_zero() has looked (a lock, RCU). A count that has been 0, or below, is saturated for
// ever: reported, and the object leaks rather than being freed twice. Left out: kref_put_mutex(), kref_put_lock().
#pragma once

#include "unplug/model/core/context.hpp"

namespace unplug::model {

struct Kref {
  ObjectId object;  // word: the count, 32 bits with sign
  NameId name;
  LifetimeId home;  // memory that it is embedded in
  std::uint32_t initial = 1;
};
// A count of `initial`: 1 for an object that is there from the start.
void init_kref(Kernel& kernel, Kref& k, NameId unique_name, NameId declared, LifetimeId home, std::uint32_t initial);

// Sets it to 1: nobody else may know the object yet.
void kref_init(Context& context, Kref& k);
// kref_init(), which is refcount_set(), or that: its `initial` value again.
void set_up_again(Context& context, Kref& k);
// From 0: api-misuse.
void kref_get(Context& context, Kref& k);
bool kref_get_unless_zero(Context& context, Kref& k);
// refcount_dec_and_test(): whether it was the last reference. Below 0: api-misuse.
bool kref_put_and_test(Context& context, Kref& k);
// kref_put(): calls release() in the one who puts the last. Whether that was this one.
template <class Release> bool kref_put(Context& context, Kref& k, Release&& release) {
  if (!kref_put_and_test(context, k)) return false;
  release();
  return true;
}
// Only good for printing.
std::uint32_t kref_read(Context& context, const Kref& k);

}  // namespace unplug::model
