"""What is measured: the workloads with their options, the figures that count in
each, and which programs stand in which rows."""
import re

TASK_WORKERS = 2

# What a workload is compared by, and what the figure is called in a row of its
# own; the others are compared by the time an item takes.
FIGURES = {
    "broadcast": (("ns_per_delivery", "ns per delivery"),),
    "spawn_million": (("ns_per_item", "ns"), ("bytes_per_task", "bytes")),
    "close_latency": (("us_total", "µs in all"),),
    "timers": (("arm_ns", "ns to arm"), ("cancel_ns", "ns to cancel"),
               ("bytes_per_task", "bytes")),
    "timers_fire": (("late_us_p50", "µs late, p50"),
                    ("late_us_p99", "µs late, p99"),
                    ("cpu_ns_per_item", "cpu ns")),
}
ITEM = (("ns_per_item", "ns"),)

# Programs that do not stand in every row they know. A library of threads is no
# answer to tasks, nor one of tasks to threads; and boost_fiber's timers spin.
ROWS = (
    (r"^(thr_|thread_)", r"^thread_"),
    (r"^boost_fiber$", r"^(?!thread_|timers_fire|skynet|spawn_million)"),
    (r"^limits$", r"^$"),
)


class Config:
    """One workload with its options. `items`: given, else found by trying."""

    def __init__(self, name, options, items=None, quick=False):
        self.name = name
        self.workload = name.split()[0]
        self.options = options.split()
        if "--workers" not in self.options:
            self.options += ["--workers", str(TASK_WORKERS)]
        self.items = items
        self.quick = quick
        self.figures = FIGURES.get(self.workload, ITEM)

    def asked(self):
        """The options a program must repeat in its answer."""
        pairs = zip(self.options[::2], self.options[1::2])
        return {"workload": self.workload,
                **{flag[2:]: value for flag, value in pairs}}

    def is_for(self, peer):
        return all(re.search(rows, self.workload)
                   for name, rows in ROWS if re.search(name, peer))


def all_configs():
    yield from stream_configs()
    yield from select_configs()
    yield from network_configs()
    yield from crowd_configs()
    yield from thread_configs()


def stream_configs():
    for cap in (1, 16, 128, 1024):
        yield Config(f"spsc_buffered cap={cap}", f"--cap {cap}",
                     quick=cap == 128)
    yield Config("spsc_buffered cap=128 W=1", "--cap 128 --workers 1")
    yield Config("spsc_buffered cap=128 struct", "--cap 128 --payload s64")
    yield Config("spsc_buffered cap=128 string", "--cap 128 --payload str")
    for n in (4, 16):
        yield Config(f"mpmc_buffered {n}x{n} cap=128",
                     f"--producers {n} --consumers {n} --cap 128",
                     quick=n == 4)
    for workers in (1, 2):
        yield Config(f"rendezvous W={workers}", f"--cap 0 --workers {workers}",
                     quick=workers == 2)
    for cap in (0, 1):
        for workers in (1, 2):
            yield Config(f"ping_pong cap={cap} W={workers}",
                         f"--cap {cap} --workers {workers}",
                         quick=cap == 1 and workers == 2)


def select_configs():
    for k in (2, 8, 64):
        yield Config(f"fan_in_select K={k} cap=16", f"--k {k} --cap 16",
                     quick=k == 8)
    yield Config("fan_in_select K=8 cap=0", "--k 8 --cap 0")
    for receivers in (1, 4, 16):
        yield Config(f"broadcast R={receivers} cap=128",
                     f"--consumers {receivers} --cap 128",
                     quick=receivers == 4)


def network_configs():
    for cap in (0, 1):
        for workers in (1, 2):
            yield Config(f"sieve 2000 cap={cap} W={workers}",
                         f"--cap {cap} --workers {workers}", 2000,
                         quick=cap == 1 and workers == 2)
    for cap in (0, 1):
        yield Config(f"ring 1000 cap={cap}", f"--k 1000 --cap {cap}",
                     quick=cap == 0)
    yield Config("skynet 1M cap=10", "--cap 10", 1_000_000, quick=True)


def crowd_configs():
    yield Config("spawn_million", "--cap 1", 1_000_000, quick=True)
    yield Config("close_latency 10k", "--cap 16", 10_000, quick=True)
    yield Config("timers 100k", "--cap 1", 100_000, quick=True)
    yield Config("timers_fire 100k", "--cap 1 --k 2", 100_000, quick=True)
    yield Config("timers_fire 100k on one channel", "--cap 1 --k 1", 100_000)


def thread_configs():
    for cap in (1, 128):
        yield Config(f"thread_spsc cap={cap}", f"--cap {cap}",
                     quick=cap == 128)
    yield Config("thread_rendezvous", "--cap 0")
    yield Config("thread_ping_pong cap=1", "--cap 1", quick=True)
    yield Config("thread_mpmc 4x4 cap=128",
                 "--producers 4 --consumers 4 --cap 128")
