// kernel/file: references to a struct file, the end of it, and f_op.
#include "unplug/model/kernel/fs/file.hpp"
#include "unplug/model/mechanisms/policy.hpp"

#include "model/support.hpp"
#include "unplug/sim/strategy.hpp"

namespace unplug::model::test {
namespace {

// A file of a driver, open from the start. Its operations run in `module`, which it pins.
struct Opened {
  Module module;
  FileOperations ops;
  File file;
  FileBody release, flush, ioctl, read, write;
  int releases = 0;
  bool owner = true;
  void init(Lab& l, const FileParts& parts = {.counted = true}) {
    releases = 0;
    init_module(l.kernel, module, l.name("foo"), l.name("foo"), true);
    ops = {};
    ops.owner = owner ? &module : nullptr;
    const auto set = [](FileBody& b, FileOperation& operation, void*& argument) {
      if (!b.body) return;
      operation = FileBody::run;
      argument = &b;
    };
    set(release, ops.release, ops.release_argument);
    set(flush, ops.flush, ops.flush_argument);
    set(ioctl, ops.ioctl, ops.ioctl_argument);
    set(read, ops.read, ops.read_argument);
    set(write, ops.write, ops.write_argument);
    init_file(l.kernel, file, parts);
  }
  // What chrdev_open() does, as far as it matters here.
  void open(Context& c) {
    must(fops_get(c, ops));
    file.ops = &ops;
    file.open = true;
  }
  // As the text of an operation.
  std::function<int(Context&, File&)> in_driver(Lab*& lab, const std::function<int(Context&, File&)>& body) {
    return [this, &lab, body](Context& c, File& f) {
      const Context::Function function(c, lab->name("foo_op"), module.text, {});
      return body(c, f);
    };
  }
};

}  // namespace

// Fact: fput-last-releases.
TEST_CASE("file: close is not the last fput, who drops the last reference runs release in its own task") {
  Opened o;
  File other;
  Waiter shared;
  std::set<std::string> released_by;
  Lab* lab = nullptr;
  o.release.body = o.in_driver(lab, [&](Context& c, File& f) {
    ++o.releases;
    released_by.insert(c.kernel().text(c.engine().current_name()));
    load(c, f.memory, f.private_data, MemoryOrder::once);  // the struct is freed after it
    return 0;
  });
  o.ioctl.body = o.in_driver(lab, [](Context& c, File&) {
    mark(c);
    return 0;
  });
  std::set<DeleteResult> unloads;
  Lab l2([&](Lab& l) {
    lab = &l;
    o.init(l);
    l.init(shared, "shared");
    l.task("parent", [&](Context& c) {
      o.open(c);
      get_file(c, o.file, other);  // dup(), fork(), SCM_RIGHTS, io_uring: all are this
      complete(c, shared);
      vfs_close(c, o.file);
      must(!o.file.open);
      vfs_close(c, o.file);  // closed already: nothing
    });
    l.task("child", [&](Context& c) {
      wait_for_completion(c, shared);
      must(vfs_ioctl(c, other) == 0);
      vfs_close(c, other);
    });
    // Unloads as soon as nothing pins the text: release() has run by then.
    l.task("rmmod", [&](Context& c) {
      wait_for_completion(c, shared);
      complete(c, shared);
      unloads.insert(delete_module(c, o.module, l.rcu, [] {}));
    });
  });
  const Found f = every(l2, [&] {
    if (o.releases == 1) CHECK(word(l2, o.file.count) == 0);
    if (find_event(l2, "rmmod", "free_module: text freed") == no_such_event) CHECK((word(l2, o.module.object) & 0xffff) <= 2);
  });
  CHECK(released_by == std::set<std::string>{"child", "parent"});
  CHECK(!f.violations.contains("execute-after-free(foo)@child"));
  CHECK(!f.violations.contains("execute-after-free(foo)@parent"));
  CHECK(f.count("use-after-free(file)@child") + f.count("use-after-free(file)@parent") == 0);
  CHECK(unloads == std::set<DeleteResult>{DeleteResult::gone, DeleteResult::would_block});
}

// Fact: fput-last-releases.
TEST_CASE("file: both module references and the struct go exactly once, after release, and a private file takes no step for its count") {
  Opened o;
  Lab* lab = nullptr;
  std::vector<std::string> order;
  o.release.body = [&](Context& c, File&) {
    ++o.releases;
    mark(c);
    return 0;
  };
  bool counted = true;
  Lab l2([&](Lab& l) {
    lab = &l;
    o.init(l, {.counted = counted});
    l.task("user", [&](Context& c) {
      o.open(c);
      vfs_close(c, o.file);
    });
  });
  for (const bool yes : {true, false}) {
    counted = yes;
    CHECK(every(l2,
                [&] {
                  order.clear();
                  for (const sim::Event& e : l2.engine.trace().events) order.emplace_back(e.operation->name);
                  CHECK(word(l2, o.module.object) == 1);
                  CHECK(o.releases == 1);
                })
              .text()
              .empty());
    std::vector<std::string> expected{"try_module_get", "fput", "mark", "module_put", "kfree"};
    if (!counted) expected.erase(expected.begin() + 1);
    CHECK(order == expected);
  }
}

// Fact: fget-keeps-file.
TEST_CASE("file: an operation in flight holds a reference, close by another thread doesn't end the file under it") {
  Opened o;
  Descriptor d;
  Allocation priv;
  std::set<int> results, closes;
  std::set<std::string> released_by;
  o.ioctl.body = [&](Context& c, File&) {
    get(c, priv);
    return 0;
  };
  o.release.body = [&](Context& c, File&) {
    ++o.releases;
    released_by.insert(c.kernel().text(c.engine().current_name()));
    kfree(c, priv);
    return 0;
  };
  Lab lab([&](Lab& l) {
    o.init(l);
    l.init(priv, "priv", {"x"});
    init_descriptor(l.kernel, d, l.name("fd"));
    l.task("a", [&](Context& c) {
      o.open(c);
      d.file = o.file;
      fd_install(c, d);
      closes.insert(close_fd(c, d));
    });
    l.task("b", [&](Context& c) {
      File mine;
      if (!fdget(c, d, mine)) {
        if (!c.aborting()) results.insert(-9);
        return;
      }
      const int result = vfs_ioctl(c, mine);
      if (!c.aborting()) results.insert(result);
      fput(c, mine);
    });
    l.task("c", [&](Context& c) { closes.insert(close_fd(c, d)); });
  });
  CHECK(every(lab, [&] { CHECK(o.releases <= 1); }).text().empty());
  CHECK(results == std::set<int>{-9, 0});
  CHECK(released_by == std::set<std::string>{"a", "b", "c"});
  CHECK(closes == std::set<int>{-9, 0});
}

// Fact: fget-keeps-file.
TEST_CASE("file: an operation that borrows the descriptor's reference uses what another thread's close has freed") {
  Opened o;
  Descriptor d;
  Waiter installed;
  bool in_flight = false;
  Allocation priv;
  o.ioctl.body = [&](Context& c, File&) {
    get(c, priv);
    return 0;
  };
  o.release.body = [&](Context& c, File&) {
    kfree(c, priv);
    return 0;
  };
  Lab lab([&](Lab& l) {
    o.init(l);
    l.init(priv, "priv", {"x"});
    l.init(installed, "installed");
    init_descriptor(l.kernel, d, l.name("fd"));
    l.task("a", [&](Context& c) {
      o.open(c);
      d.file = o.file;
      fd_install(c, d);
      complete(c, installed);
      close_fd(c, d);
    });
    l.task("b", [&](Context& c) {
      wait_for_completion(c, installed);
      File mine = d.file;
      if (in_flight && !fdget(c, d, mine)) return;
      vfs_ioctl(c, mine);
      if (in_flight) fput(c, mine);
    });
  });
  CHECK(every(lab).text() == "use-after-free(priv)@b");
  in_flight = true;
  CHECK(every(lab).text().empty());
}

// Fact: flush-each-close.
TEST_CASE("file: flush is called at each close, release once") {
  Opened o;
  File second;
  int flushes = 0;
  o.flush.body = [&](Context& c, File&) {
    mark(c);
    ++flushes;
    must(o.releases == 0);
    return 0;
  };
  o.release.body = [&](Context& c, File&) {
    mark(c);
    ++o.releases;
    must(flushes == 2);
    return 0;
  };
  Lab lab([&](Lab& l) {
    flushes = 0;
    o.init(l);
    l.task("user", [&](Context& c) {
      o.open(c);
      get_file(c, o.file, second);
      vfs_close(c, o.file);
      must(flushes == 1);
      must(o.releases == 0);
      vfs_close(c, second);
    });
  });
  CHECK(every(lab,
              [&] {
                CHECK(flushes == 2);
                CHECK(o.releases == 1);
              })
            .text()
            .empty());
}

// Fact: fput-last-releases.
TEST_CASE("file: a reference too many, or taken from nothing, is misuse, and the file goes under those who rely on theirs") {
  Opened o;
  int form = 0;
  Lab lab([&](Lab& l) {
    o.init(l);
    l.task("driver", [&](Context& c) {
      o.open(c);
      File stolen = o.file, third;
      fput(c, o.file);
      if (form == 0) fput(c, stolen);
      if (form == 1) get_file(c, stolen, third);
    });
  });
  CHECK(every(lab).text() == "api-misuse(file)@driver, use-after-free(file)@driver");
  CHECK(every(lab).details["api-misuse(file)@driver"] == "fput() of a file whose last reference is gone");
  form = 1;
  CHECK(every(lab).details["api-misuse(file)@driver"] == "get_file() of a file whose last reference is gone");
}

TEST_CASE("file: a second reference to a file that was made for one is an error of the model's user") {
  Opened o;
  File second;
  Lab lab([&](Lab& l) {
    o.init(l, {});
    l.task("user", [&](Context& c) {
      o.open(c);
      get_file(c, o.file, second);
    });
  });
  const auto s = sim::make_strategy("random");
  const sim::ExecutionInfo info{0, 1, &lab.engine.names()};
  s->begin(info);
  const sim::Outcome out = lab.engine.run(lab, *s, info);
  CHECK(out.kind == sim::Outcome::Kind::failed);
  CHECK(out.message.find("FileParts::counted") != std::string::npos);
}

// Fact: f_op-loaded-once.
TEST_CASE("fops-swap: only the pointer loaded at the start of a call matters, the swap is no drain, and with a lock and a test it is") {
  enum class Form { swap, lock, lock_and_test } form = Form::swap;
  Opened o;
  Module core;
  FileOperations shut;
  FileBody refused, forwarded;
  Allocation priv, dead;
  Rwsem ldisc;
  std::set<std::pair<int, int>> seen;
  o.ioctl.body = [&](Context& c, File&) {
    if (form != Form::swap) down_read(c, ldisc);
    if (form != Form::lock_and_test || get(c, dead) == 0) get(c, priv);
    if (form != Form::swap) up_read(c, ldisc);
    return 0;
  };
  refused.body = [](Context&, File&) { return -19; };
  forwarded.body = [&](Context& c, File&) {
    ++o.releases;
    fops_put(c, o.ops);
    return 0;
  };
  Lab lab([&](Lab& l) {
    o.init(l, {.replacement = &shut});
    l.init(core, "core");
    l.init(priv, "priv", {"x"});
    l.init(dead, "dead", {"flag"});
    l.init(ldisc, "ldisc");
    shut = {};
    shut.owner = &core;
    shut.ioctl = FileBody::run;
    shut.ioctl_argument = &refused;
    shut.release = FileBody::run;
    shut.release_argument = &forwarded;
    o.file.ops = &o.ops;
    o.file.open = true;
    l.task("user", [&](Context& c) {
      must(fops_get(c, o.ops));
      const int first = vfs_ioctl(c, o.file), second = vfs_ioctl(c, o.file);
      vfs_close(c, o.file);
      if (!c.aborting()) seen.insert({first, second});
    });
    l.task("remover", [&](Context& c) {
      must(replace_f_op(c, o.file));
      set(c, dead, 1);
      if (form != Form::swap) {
        down_write(c, ldisc);
        up_write(c, ldisc);
      }
      kfree(c, priv);
    });
  });
  // Whether the swap came before the close, in which case it is a use of a freed struct file: ALSA has a list of open files for that.
  const auto run = [&](Form f) {
    form = f;
    seen.clear();
    Found found = every(lab);
    found.violations.erase("use-after-free(file)@remover");
    return found.text();
  };
  CHECK(run(Form::swap) == "use-after-free(priv)@user");
  CHECK(seen == std::set<std::pair<int, int>>{{-19, -19}, {0, -19}, {0, 0}});
  CHECK(run(Form::lock) == "use-after-free(priv)@user");
  CHECK(run(Form::lock_and_test).empty());
}

// Fact: f_op-loaded-once.
TEST_CASE("fops-swap: the new table's module is pinned from the swap to the last close, the old one's until its release puts it") {
  Opened o;
  Module core;
  FileOperations shut;
  FileBody forwarded;
  bool going = false, forward = true;
  forwarded.body = [&](Context& c, File&) {
    if (forward) fops_put(c, o.ops);
    return 0;
  };
  Lab lab([&](Lab& l) {
    o.init(l, {.replacement = &shut});
    l.init(core, "core");
    shut = {};
    shut.owner = &core;
    shut.release = FileBody::run;
    shut.release_argument = &forwarded;
    l.task("t", [&](Context& c) {
      o.open(c);
      if (going) try_stop_module(c, core);
      must(replace_f_op(c, o.file) == !going);
      const auto count = [&](const Module& m) {
        return c.engine().step({.operation = &mark_op, .access = {m.object, sim::AccessKind::read}}, [](std::uint64_t w) { return w; });
      };
      if (!going) must(count(core) == 2);
      must(count(o.module) == 2);
      vfs_close(c, o.file);
    });
  });
  CHECK(every(lab,
              [&] {
                CHECK(word(lab, core.object) == 1);
                CHECK(word(lab, o.module.object) == 1);
              })
            .text()
            .empty());
  forward = false;
  CHECK(every(lab, [&] { CHECK(word(lab, o.module.object) == 2); }).text().empty());
  going = true;
  CHECK(every(lab, [&] { CHECK(word(lab, o.module.object) == 1); }).text().empty());
}

TEST_CASE("file: the entry guard is around read, write, flush and release as around ioctl, refused operations are counted") {
  PolicySpec spec;
  spec.mechanism[static_cast<std::size_t>(Part::entry)] = "srcu";
  Policy policy(spec);
  Opened o;
  Binding binding;
  Device device;
  Sources sources;
  int runs = 0;
  o.read.body = o.write.body = o.flush.body = o.release.body = [&](Context& c, File&) {
    mark(c);
    ++runs;
    return 0;
  };
  bool fenced = false;
  Lab lab([&](Lab& l) {
    runs = 0;
    o.init(l);
    o.ops.guard = &policy.entry();
    l.init(device, "dev");
    l.init(binding, device, o.module, "foo binding");
    policy.init(l.kernel, l.rcu, l.name("policy"), {});
    l.task("t", [&](Context& c) {
      o.open(c);
      if (fenced) policy.fence(c, binding, sources);
      must(vfs_read(c, o.file) == (fenced ? -19 : 0));
      must(vfs_write(c, o.file) == (fenced ? -19 : 0));
      vfs_close(c, o.file);
    });
  });
  CHECK(every(lab,
              [&] {
                CHECK(runs == 4);
                CHECK(lab.kernel.operations.completed == 2);
              })
            .text()
            .empty());
  fenced = true;
  CHECK(every(lab,
              [&] {
                CHECK(runs == 0);
                CHECK(lab.kernel.operations.refused_at_entry == 2);
                CHECK(word(lab, o.module.object) == 1);
              })
            .text()
            .empty());
}

}  // namespace unplug::model::test
