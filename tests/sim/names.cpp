// Names: interned once, equal for equal text, cheap to ask for again.
#include "unplug/sim/names.hpp"

#include <doctest/doctest.h>

#include "unplug/sim/hash.hpp"

using namespace unplug::sim;

TEST_CASE("equal text gives the equal name, in one table") {
  NameTable t;
  const NameId a = t.intern("user.0"), b = t.intern("user.1");
  CHECK(a != b);
  CHECK(t.intern(std::string("user.") + '0') == a);
  CHECK(t.text(a) == "user.0");
  CHECK(t.text(t.intern("")).empty());
}

TEST_CASE("the hash of a name is of its text: the same in every table, whatever was interned before") {
  NameTable t, u;
  t.intern("something else");
  CHECK(t.intern("probe") != u.intern("probe"));
  CHECK(t.hash(t.intern("probe")) == u.hash(u.intern("probe")));
  CHECK(t.hash(t.intern("probe")) == hash_bytes("probe"));
}

TEST_CASE("a child is its parent, a part and a number") {
  NameTable t;
  const NameId p = t.intern("probe");
  const NameId first = t.child(p, "devm_kzalloc", 1);
  CHECK(t.text(first) == "probe/devm_kzalloc#1");
  CHECK(t.child(p, "devm_kzalloc", 1) == first);
  CHECK(t.text(t.child(p, "devm_kzalloc", 2)) == "probe/devm_kzalloc#2");
  CHECK(t.text(t.child(first, "x", 1)) == "probe/devm_kzalloc#1/x#1");
  CHECK(t.intern("probe/devm_kzalloc#1") == first);
}

TEST_CASE("texts stay where they are while the table grows") {
  NameTable t;
  const NameId first = t.intern("a");
  const std::string* const where = &t.text(first);
  for (int i = 0; i < 10'000; ++i) t.intern(std::to_string(i));
  CHECK(&t.text(first) == where);
  CHECK(t.intern("a") == first);
  for (int i = 0; i < 10'000; ++i) CHECK(t.text(t.intern(std::to_string(i))) == std::to_string(i));
}
