package main

import (
	"runtime"
	"sync/atomic"
)

// Whether every goroutine of the workload has an OS thread of its own.
var ownThread bool

func onThreads(run func(options) result) func(options) result {
	return func(o options) result {
		ownThread = true
		return run(o)
	}
}

func start(work func()) {
	if !ownThread {
		go work()
		return
	}
	go func() {
		runtime.LockOSThread()
		work()
	}()
}

func produce(out chan<- uint64, first, count uint64) {
	for i := uint64(0); i < count; i++ {
		out <- first + i
	}
}

func consume(in <-chan uint64) (sum uint64) {
	for v := range in {
		sum += v
	}
	return
}

func stream(o options) result {
	switch o.payload {
	case "s64":
		return streamOfStructs(o)
	case "str":
		return streamOfStrings(o)
	}
	each := o.items / uint64(o.producers)
	items := each * uint64(o.producers)
	ch := make(chan uint64, o.capacity)
	finish := newFinishLine(uint64(o.producers + o.consumers))
	producing := int64(o.producers)
	var sum uint64
	watch := startWatch()
	for p := 0; p < o.producers; p++ {
		first := 1 + uint64(p)*each
		start(func() {
			produce(ch, first, each)
			if atomic.AddInt64(&producing, -1) == 0 {
				close(ch)
			}
			finish.arrive()
		})
	}
	for q := 0; q < o.consumers; q++ {
		start(func() {
			atomic.AddUint64(&sum, consume(ch))
			finish.arrive()
		})
	}
	took := watch.until(finish.wait())
	return result{items, took, sum == sumTo(items), nil}
}

func pingPong(o options) result {
	there := make(chan uint64, o.capacity)
	back := make(chan uint64, o.capacity)
	finish := newFinishLine(2)
	right := uint64(0)
	watch := startWatch()
	start(func() {
		for i := uint64(0); i < o.items; i++ {
			there <- i
			if <-back == i+1 {
				right++
			}
		}
		close(there)
		finish.arrive()
	})
	start(func() {
		for v := range there {
			back <- v + 1
		}
		finish.arrive()
	})
	took := watch.until(finish.wait())
	return result{o.items, took, right == o.items, nil}
}

func makeChannels(count, capacity int) []chan uint64 {
	channels := make([]chan uint64, count)
	for i := range channels {
		channels[i] = make(chan uint64, capacity)
	}
	return channels
}

func broadcast(o options) result {
	channels := makeChannels(o.consumers, o.capacity)
	finish := newFinishLine(uint64(1 + o.consumers))
	var sum uint64
	watch := startWatch()
	go func() {
		for i := uint64(1); i <= o.items; i++ {
			for _, ch := range channels {
				ch <- i
			}
		}
		for _, ch := range channels {
			close(ch)
		}
		finish.arrive()
	}()
	for _, ch := range channels {
		go func(in <-chan uint64) {
			atomic.AddUint64(&sum, consume(in))
			finish.arrive()
		}(ch)
	}
	took := watch.until(finish.wait())
	perDelivery := float64(took.wallNs) / float64(o.items) / float64(o.consumers)
	return result{o.items, took, sum == sumTo(o.items)*uint64(o.consumers),
		[]figure{{"ns_per_delivery", perDelivery}}}
}

func fanInSelect(o options) result {
	each := o.items / uint64(o.k)
	items := each * uint64(o.k)
	channels := makeChannels(o.k, o.capacity)
	finish := newFinishLine(uint64(1 + o.k))
	var sum uint64
	watch := startWatch()
	for i, ch := range channels {
		go func(out chan<- uint64, first uint64) {
			produce(out, first, each)
			finish.arrive()
		}(ch, 1+uint64(i)*each)
	}
	go func() {
		sum = selects[o.k](channels, items)
		finish.arrive()
	}()
	took := watch.until(finish.wait())
	return result{items, took, sum == sumTo(items), nil}
}
