package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"
)

// What a stretch of time cost.
type cost struct {
	wallNs, cpuNs, switches uint64
}

func (a cost) plus(b cost) cost {
	return cost{a.wallNs + b.wallNs, a.cpuNs + b.cpuNs, a.switches + b.switches}
}

type stopwatch struct {
	start           time.Time
	cpuNs, switches uint64
}

func usage() (cpuNs, switches uint64) {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return uint64(u.Utime.Nano() + u.Stime.Nano()), uint64(u.Nvcsw)
}

func startWatch() stopwatch {
	cpu, switches := usage()
	return stopwatch{time.Now(), cpu, switches}
}

func (w stopwatch) until(end time.Time) cost {
	cpu, switches := usage()
	return cost{uint64(end.Sub(w.start).Nanoseconds()), cpu - w.cpuNs, switches - w.switches}
}

// The last goroutine to arrive takes the time, so that waking the main one does
// not count.
type finishLine struct {
	left int64
	over chan time.Time
}

func newFinishLine(runners uint64) *finishLine {
	return &finishLine{int64(runners), make(chan time.Time, 1)}
}

func (f *finishLine) arrive() {
	if atomic.AddInt64(&f.left, -1) == 0 {
		f.over <- time.Now()
	}
}

func (f *finishLine) wait() time.Time {
	return <-f.over
}

// Bytes of the process in memory, after what is free was given back.
func residentBytes() uint64 {
	debug.FreeOSMemory()
	return currentBytes()
}

func currentBytes() uint64 {
	text, _ := os.ReadFile("/proc/self/statm")
	var all, resident uint64
	fmt.Sscanf(string(text), "%d %d", &all, &resident)
	return resident * uint64(os.Getpagesize())
}

func sumTo(n uint64) uint64 { return n * (n + 1) / 2 }
