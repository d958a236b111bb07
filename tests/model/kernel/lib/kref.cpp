// kernel/kref: who puts last, and what counting cannot do.
#include "unplug/model/kernel/lib/kref.hpp"
#include "model/support.hpp"

namespace unplug::model::test {
namespace {

// An object with its count inside.
struct Object {
  Allocation memory;
  Kref ref;
  void init(Lab& l, std::string_view name, std::uint32_t initial) {
    l.init(memory, name, {"x"});
    init_kref(l.kernel, ref, l.name(std::string(name) + ".ref"), l.name(std::string(name) + ".ref"), memory.life, initial);
  }
  bool put(Context& c) {
    return kref_put(c, ref, [&] { kfree(c, memory); });
  }
};

}  // namespace

// Fact: kref-last-put-releases.
TEST_CASE("kref: the last to put runs the release function, whoever it is, and only once: memory lives as long as references") {
  Object o;
  std::set<std::string> released;
  std::string by;
  Lab lab([&](Lab& l) {
    o.init(l, "object", 2);
    by.clear();
    for (const auto* name : {"a", "b"})
      l.task(name, [&, name](Context& c) {
        get(c, o.memory);
        if (o.put(c)) by += name;
      });
  });
  CHECK(every(lab, [&] { released.insert(by); }).text().empty());
  CHECK(released == std::set<std::string>{"a", "b"});
}

// Fact: kref-keeps-memory.
TEST_CASE("kref: a reference keeps memory, not what the memory describes") {
  Object o;
  Allocation hardware;
  Lab lab([&](Lab& l) {
    o.init(l, "object", 2);
    l.init(hardware, "hardware");
    l.task("user", [&](Context& c) {
      get(c, o.memory);
      use(c, hardware.life);
      o.put(c);
    });
    l.task("remove", [&](Context& c) {
      kfree(c, hardware);
      o.put(c);
    });
  });
  CHECK(every(lab).text() == "use-after-free(hardware)@user");
}

// Fact: kref-last-put-releases.
TEST_CASE("kref: the release function runs in the context of who puts: what sleeps there sleeps in atomic") {
  Object o;
  auto kind = ContextKind::process;
  Lab lab([&](Lab& l) {
    o.init(l, "object", 1);
    l.task(
        "a",
        [&](Context& c) {
          kref_put(c, o.ref, [&] {
            c.might_sleep("cleanup");
            mark(c);
          });
        },
        kind);
  });
  CHECK(every(lab).text().empty());
  kind = ContextKind::softirq;
  CHECK(every(lab).text() == "sleep-in-atomic(cleanup)@a");
}

// Fact: refcount-saturates.
TEST_CASE("kref: a get from 0 and a put below are misuse and saturate: it leaks rather than being freed again") {
  Kref ref;
  std::uint32_t initial = 0, left = 0;
  enum class Do { get, get_unless_zero, put } first = Do::get, second = Do::put;
  bool result = false;
  Lab lab([&](Lab& l) {
    init_kref(l.kernel, ref, l.name("ref"), l.name("ref"), {}, initial);
    const auto act = [&](Context& c, Do what) {
      if (what == Do::get) kref_get(c, ref);
      if (what == Do::get_unless_zero) result = kref_get_unless_zero(c, ref);
      if (what == Do::put) result = kref_put(c, ref, [&] { FAIL_CHECK("released"); });
    };
    l.task("t", [&, act](Context& c) {
      act(c, first);
      if (second != first) act(c, second);
      left = kref_read(c, ref);
    });
  });
  const auto run = [&](std::uint32_t value, Do a, Do b) {
    initial = value;
    first = a;
    second = b;
    const Found f = every(lab);
    return f.violations.empty() ? std::string("-") : f.details.begin()->second;
  };
  constexpr std::uint32_t saturated = 0xc0000000;
  CHECK(run(0, Do::get, Do::get) == "kref_get('ref'): addition on 0, use after free");
  CHECK(left == saturated);
  CHECK(run(0, Do::put, Do::put) == "kref_put('ref'): underflow, use after free");
  CHECK(left == saturated);
  CHECK(run(0, Do::get_unless_zero, Do::get_unless_zero) == "-");
  CHECK(!result);
  CHECK(left == 0);
  CHECK(run(1, Do::get_unless_zero, Do::put) == "-");
  CHECK(!result);
  CHECK(left == 1);
  // Once saturated, for ever.
  CHECK(run(saturated, Do::get, Do::get) == "kref_get('ref'): saturated, leaking memory");
  CHECK(left == saturated);
  CHECK(run(saturated, Do::get_unless_zero, Do::get_unless_zero) == "kref_get_unless_zero('ref'): saturated, leaking memory");
  CHECK(result);
  CHECK(left == saturated);
  CHECK(run(saturated, Do::put, Do::put) == "kref_put('ref'): underflow, use after free");
  CHECK(!result);
  CHECK(left == saturated);
  CHECK(run(0x7fffffff, Do::get, Do::get) == "kref_get('ref'): saturated, leaking memory");
  CHECK(left == saturated);
  CHECK(run(0x7fffffff, Do::get_unless_zero, Do::get_unless_zero) == "kref_get_unless_zero('ref'): saturated, leaking memory");
  CHECK(left == saturated);
  CHECK(run(0x7ffffffe, Do::get, Do::get) == "-");
  CHECK(left == 0x7fffffff);
}

// Fact: kref_get_unless_zero-needs-memory.
TEST_CASE("kref: a get without a reference is not made safe by the count, get_unless_zero only while something keeps the memory there") {
  Object o;
  Allocation slot;
  enum class Form { get, unless_zero, unless_zero_locked, get_locked } form = Form::get;
  Mutex m;
  Lab lab([&](Lab& l) {
    o.init(l, "object", 1);
    l.init(slot, "slot", {"gone"});
    l.init(m, "m");
    const bool locked = form == Form::unless_zero_locked || form == Form::get_locked;
    l.task("lookup", [&, locked](Context& c) {
      if (locked) mutex_lock(c, m);
      bool got = get(c, slot) == 0;
      if (got && (form == Form::get || form == Form::get_locked)) kref_get(c, o.ref);
      if (got && (form == Form::unless_zero || form == Form::unless_zero_locked)) got = kref_get_unless_zero(c, o.ref);
      if (locked) mutex_unlock(c, m);
      if (!got) return;
      get(c, o.memory);
      o.put(c);
    });
    l.task("owner", [&, locked](Context& c) {
      // The count goes first, the name when it is 0: what get_unless_zero is for.
      kref_put(c, o.ref, [&] {
        if (locked) mutex_lock(c, m);
        set(c, slot, 1);
        if (locked) mutex_unlock(c, m);
        kfree(c, o.memory);
      });
    });
  });
  // The get from 0 is told, and the object is used although it goes.
  CHECK(every(lab).text() == "api-misuse(object.ref)@lookup, use-after-free(object)@lookup");
  form = Form::get_locked;
  CHECK(every(lab).text() == "api-misuse(object.ref)@lookup, use-after-free(object)@lookup");
  form = Form::unless_zero;
  CHECK(every(lab).text() == "use-after-free(object)@lookup");
  form = Form::unless_zero_locked;
  CHECK(every(lab).text().empty());
}

// Fact: cdev-put-after-release.
TEST_CASE("kref: an object that embeds its own cdev is freed before the VFS puts that, with the device as the cdev's parent after") {
  // The file is open: cdev and clock have two references each. Memory: clock, cdev, device.
  Allocation ptp;
  Kref clock, cdev, device;
  bool parent = false;
  Lab lab([&](Lab& l) {
    l.init(ptp, "ptp");
    init_kref(l.kernel, clock, l.name("clock"), l.name("clock"), ptp.life, 2);
    init_kref(l.kernel, cdev, l.name("cdev"), l.name("cdev"), ptp.life, 2);
    init_kref(l.kernel, device, l.name("device"), l.name("device"), ptp.life, 2);
    const auto put_device = [&](Context& c) { kref_put(c, device, [&] { kfree(c, ptp); }); };
    const auto put_clock = [&, put_device](Context& c) { kref_put(c, clock, [&] { parent ? put_device(c) : kfree(c, ptp); }); };
    const auto put_cdev = [&, put_device](Context& c) {
      kref_put(c, cdev, [&] {
        if (parent) put_device(c);
      });
    };
    l.task("close", [&, put_clock, put_cdev](Context& c) {
      put_clock(c);  // fops.release
      put_cdev(c);   // then the VFS
    });
    l.task("remove", [&, put_clock, put_cdev](Context& c) {
      put_cdev(c);  // cdev_del()
      put_clock(c);
    });
  });
  CHECK(every(lab).text() == "use-after-free(ptp)@close");
  parent = true;
  CHECK(every(lab).text().empty());
}

// Fact: kref-and-completion.
TEST_CASE(
    "kref: references and a completion: the base reference is dropped, the last one completes, removal waits as long as anyone holds") {
  Object o;
  Waiter done;
  bool ends = true;
  Lab lab([&](Lab& l) {
    o.init(l, "client", 1);
    l.init(done, "done");
    const auto put = [&](Context& c) { kref_put(c, o.ref, [&] { complete(c, done); }); };
    l.task("user", [&, put](Context& c) {
      if (!kref_get_unless_zero(c, o.ref)) return;
      get(c, o.memory);
      if (ends) put(c);
    });
    l.remover("remove", [&, put](Context& c) {
      c.kernel().removal_phase = RemovalPhase::remove;
      put(c);
      wait_for_completion(c, done);
    });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  ends = false;
  CHECK(every(lab).text() == "deadlock(done)@remove, hung-remove(done)@remove");
}

}  // namespace unplug::model::test
