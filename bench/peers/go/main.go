// The benchmark program in Go: the workloads of bench/README.md with goroutines
// and Go's own channels. One JSON line a repetition.
//
// Channels carry uint64; spsc_buffered and rendezvous also the other payloads.
// No generics: in this Go they cost what the program is to measure.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
)

type options struct {
	workload, payload    string
	items                uint64
	capacity             int
	producers, consumers int
	k, workers, reps     int
}

// A result of one repetition; ok says that the checksum holds.
type result struct {
	items uint64
	took  cost
	ok    bool
	more  []figure
}

// A figure that only one workload has.
type figure struct {
	name  string
	value float64
}

var workloads = map[string]func(options) result{
	"spsc_buffered":     stream,
	"mpmc_buffered":     stream,
	"rendezvous":        stream,
	"ping_pong":         pingPong,
	"fan_in_select":     fanInSelect,
	"broadcast":         broadcast,
	"sieve":             sieve,
	"ring":              ring,
	"skynet":            skynet,
	"spawn_million":     spawnMillion,
	"thread_spsc":       onThreads(stream),
	"thread_mpmc":       onThreads(stream),
	"thread_rendezvous": onThreads(stream),
	"thread_ping_pong":  onThreads(pingPong),
	"close_latency":     closeLatency,
	"timers":            timers,
	"timers_fire":       timersFire,
}

func parse(args []string) options {
	o := options{}
	flags := flag.NewFlagSet("go", flag.ExitOnError)
	flags.Uint64Var(&o.items, "items", 1_000_000, "what the time is divided by")
	flags.IntVar(&o.capacity, "cap", 128, "items a channel holds")
	flags.IntVar(&o.producers, "producers", 1, "producing goroutines")
	flags.IntVar(&o.consumers, "consumers", 1, "consuming goroutines")
	flags.IntVar(&o.k, "k", 2, "channels")
	flags.IntVar(&o.workers, "workers", 2, "GOMAXPROCS")
	flags.IntVar(&o.reps, "reps", 1, "repetitions")
	flags.StringVar(&o.payload, "payload", "u64", "u64, s64 or str")
	if len(args) < 2 || strings.HasPrefix(args[1], "-") {
		fmt.Fprintln(os.Stderr, "usage: go WORKLOAD [options]")
		flags.PrintDefaults()
		os.Exit(2)
	}
	o.workload = args[1]
	flags.Parse(args[2:])
	if strings.HasSuffix(o.workload, "rendezvous") {
		o.capacity = 0
	}
	return o
}

func supported(o options) bool {
	if _, known := workloads[o.workload]; !known {
		return false
	}
	if o.workload == "fan_in_select" && selects[o.k] == nil {
		return false
	}
	if o.payload == "u64" {
		return true
	}
	return (o.payload == "s64" || o.payload == "str") &&
		(o.workload == "spsc_buffered" || o.workload == "rendezvous")
}

func report(o options, rep int, r result) {
	n := float64(r.items)
	fmt.Printf(`{"peer":"%s","workload":"%s","items":%d,"cap":%d,"producers":%d,`+
		`"consumers":%d,"k":%d,"workers":%d,"payload":"%s","rep":%d,"ns_total":%d,`+
		`"ns_per_item":%.3f,"cpu_ns_per_item":%.3f,"vcsw":%d,"ok":%v`,
		peer(), o.workload, r.items, o.capacity, o.producers, o.consumers, o.k,
		o.workers, o.payload, rep, r.took.wallNs, float64(r.took.wallNs)/n,
		float64(r.took.cpuNs)/n, r.took.switches, r.ok)
	for _, f := range r.more {
		fmt.Printf(`,"%s":%.3f`, f.name, f.value)
	}
	fmt.Println("}")
}

// "go1.19"
func peer() string {
	return strings.Join(strings.Split(runtime.Version(), ".")[:2], ".")
}

func main() {
	o := parse(os.Args)
	if !supported(o) {
		fmt.Printf(`{"peer":"%s","workload":"%s","unsupported":true}`+"\n", peer(), o.workload)
		os.Exit(3)
	}
	runtime.GOMAXPROCS(o.workers)
	for rep := 0; rep < o.reps; rep++ {
		r := workloads[o.workload](o)
		report(o, rep, r)
		if !r.ok {
			os.Exit(1)
		}
	}
}
