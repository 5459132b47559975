package main

import (
	"sort"
	"sync/atomic"
	"time"
)

// What spawning a crowd cost, how much memory it holds, and what letting it go
// costs. wait receives one value from its channel.
func spawnAndRelease(o options, wait func(in <-chan uint64, index uint64) uint64,
	spawnLabel, releaseLabel string) result {
	n := o.items
	channels := make([]chan uint64, n)
	began, ended := newFinishLine(n), newFinishLine(n)
	var sum uint64
	bytesBefore := residentBytes()

	spawnWatch := startWatch()
	go func() {
		for i := range channels {
			channels[i] = make(chan uint64, o.capacity)
			go func(in <-chan uint64, index uint64) {
				began.arrive()
				atomic.AddUint64(&sum, wait(in, index))
				ended.arrive()
			}(channels[i], uint64(i))
		}
	}()
	spawned := spawnWatch.until(began.wait())
	time.Sleep(100 * time.Millisecond)
	bytes := currentBytes() - bytesBefore

	releaseWatch := startWatch()
	go func() {
		for i, ch := range channels {
			ch <- uint64(i + 1)
		}
	}()
	released := releaseWatch.until(ended.wait())
	per := func(total uint64) float64 { return float64(total) / float64(n) }
	return result{n, spawned.plus(released), sum == sumTo(n), []figure{
		{spawnLabel, per(spawned.wallNs)},
		{releaseLabel, per(released.wallNs)},
		{"bytes_per_task", per(bytes)}}}
}

func spawnMillion(o options) result {
	wait := func(in <-chan uint64, _ uint64) uint64 { return <-in }
	return spawnAndRelease(o, wait, "spawn_ns", "release_ns")
}

func timers(o options) result {
	wait := func(in <-chan uint64, index uint64) uint64 {
		timer := time.NewTimer(time.Hour + time.Duration(index)*time.Microsecond)
		defer timer.Stop()
		select {
		case v := <-in:
			return v
		case <-timer.C:
			return 0
		}
	}
	return spawnAndRelease(o, wait, "arm_ns", "cancel_ns")
}

func closeLatency(o options) result {
	ch := make(chan uint64, o.capacity)
	finish := newFinishLine(o.items)
	var began, closed uint64
	for i := uint64(0); i < o.items; i++ {
		go func() {
			atomic.AddUint64(&began, 1)
			if _, open := <-ch; !open {
				atomic.AddUint64(&closed, 1)
			}
			finish.arrive()
		}()
	}
	waitUntil(&began, o.items)
	watch := startWatch()
	go close(ch)
	took := watch.until(finish.wait())
	return result{o.items, took, closed == o.items,
		[]figure{{"us_total", float64(took.wallNs) / 1e3}}}
}

// The timeouts lie evenly over one second, half a second ahead. With --k 1 all
// goroutines wait on one channel.
func timersFire(o options) result {
	n := int(o.items)
	channels := makeChannels(n, o.capacity)
	late := make([]int64, n)
	finish := newFinishLine(o.items)
	first := time.Now().Add(500 * time.Millisecond)
	for i := range late {
		in := channels[i]
		if o.k == 1 {
			in = channels[0]
		}
		due := first.Add(time.Duration(i) * time.Second / time.Duration(n))
		go func(late *int64) {
			*late = -1
			timer := time.NewTimer(time.Until(due))
			select {
			case <-in:
			case <-timer.C:
				*late = time.Since(due).Nanoseconds()
			}
			finish.arrive()
		}(&late[i])
	}
	time.Sleep(time.Until(first))
	watch := startWatch()
	took := watch.until(finish.wait())
	sort.Slice(late, func(a, b int) bool { return late[a] < late[b] })
	us := func(index int) float64 { return float64(late[index]) / 1e3 }
	return result{o.items, took, late[0] >= 0, []figure{
		{"late_us_p50", us(n / 2)},
		{"late_us_p99", us(n * 99 / 100)},
		{"late_us_max", us(n - 1)}}}
}
