// Semaphores: each verb does what its kernel function does.
#include "short_driver.hpp"

using namespace unplug::scenarios::test;

TEST_CASE("down() in remove() waits for who is inside, and nothing that comes in later is kept out") {
  ShortDriver s;
  s.probe = R"({"kzalloc": "priv", "fields": {"n": 0}}, {"sema_init": "priv.sem", "count": 1})";
  s.ioctl = R"({"down": "priv.sem"}, {"READ_ONCE": "priv.n", "to": "n"}, {"up": "priv.sem"})";
  s.remove = R"({"down": "priv.sem"}, {"up": "priv.sem"}, {"kfree": "priv"})";
  CHECK(shows(s) == "use-after-free(priv)@foo_ioctl");
  // In memory that stays, with a mark that it is gone: gate and drain.
  s.module = R"(, "static": {"dev": {"fields": {"gone": 0}}})";
  s.probe = R"({"kzalloc": "priv", "fields": {"n": 0}}, {"sema_init": "dev.sem", "count": 1})";
  s.ioctl = R"({"down": "dev.sem"}, {"load": "dev.gone", "to": "gone"}, {"if": "!gone", "do": [{"READ_ONCE": "priv.n", "to": "n"}]},
    {"up": "dev.sem"})";
  s.remove = R"({"down": "dev.sem"}, {"store": "dev.gone", "value": 1}, {"up": "dev.sem"}, {"kfree": "priv"})";
  CHECK(shows(s) == "");
}

TEST_CASE("down_trylock() answers 0 when it has taken one, the other way round than mutex_trylock()") {
  ShortDriver s;
  s.module = R"(, "static": {"dev": {}})";
  s.probe = R"({"sema_init": "dev.sem", "count": 1})";
  s.remove = R"({"down_trylock": "dev.sem", "to": "first"}, {"down_trylock": "dev.sem", "to": "second", "else": "none"},
    {"udelay": "1us"}, {"label": "none"}, {"if": "first != 0", "do": [{"kfree": "priv"}]},
    {"if": "second != 1", "do": [{"kfree": "priv"}]})";
  s.probe += R"(, {"kzalloc": "priv"})";
  s.remove += R"(, {"kfree": "priv"})";
  CHECK(shows(s) == "");  // a second kfree() would be told
}

TEST_CASE("waits for a semaphore that a signal or a timeout ends answer the kernel's errors and go on at their \"else\"") {
  const struct {
    const char *verb, *error;
  } ways[] = {{R"("down_interruptible": "dev.sem")", "-4"},
              {R"("down_killable": "dev.sem")", "-4"},
              {R"("down_timeout": "dev.sem", "timeout": "1ms")", "-62"}};
  for (const auto& way : ways) {
    CAPTURE(way.verb);
    ShortDriver s;
    s.module = R"(, "static": {"dev": {}})";
    s.probe = R"({"sema_init": "dev.sem", "count": 0}, {"kzalloc": "priv"})";
    s.ioctl =
        fmt::format(R"({{{}, "to": "error", "else": "out"}}, {{"kfree": "priv"}}, {{"label": "out"}}, {{"if": "error == {}", "return": 0}},
      {{"kfree": "priv"}})",
                    way.verb, way.error);
    s.remove = R"({"kfree": "priv"})";
    CHECK(shows(s) == "");  // nobody lets it in, and it leaves with that error
  }
}
