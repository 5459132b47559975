package main

import (
	"runtime"
	"sync/atomic"
	"time"
)

// Where the generator stops, the sum of the primes, and how many receives it
// takes to find them.
func factsAboutSieve(count int) (last, sum, receives uint64) {
	var primes []uint64
	for candidate := uint64(2); len(primes) < count; candidate++ {
		isPrime := true
		for _, p := range primes {
			receives++
			if candidate%p == 0 {
				isPrime = false
				break
			}
		}
		if isPrime {
			primes = append(primes, candidate)
			last = candidate
			sum += candidate
			receives++
		}
	}
	return
}

func filter(in <-chan uint64, out chan<- uint64, prime uint64) {
	for v := range in {
		if v%prime != 0 {
			out <- v
		}
	}
	close(out)
}

func sieve(o options) result {
	last, wanted, receives := factsAboutSieve(int(o.items))
	finish := newFinishLine(o.items + 2)
	var sum uint64
	ch := make(chan uint64, o.capacity)
	watch := startWatch()
	go func(out chan<- uint64) {
		for i := uint64(2); i <= last; i++ {
			out <- i
		}
		close(out)
		finish.arrive()
	}(ch)
	go func() {
		for i := uint64(0); i < o.items; i++ {
			prime := <-ch
			sum += prime
			next := make(chan uint64, o.capacity)
			go func(in <-chan uint64) {
				filter(in, next, prime)
				finish.arrive()
			}(ch)
			ch = next
		}
		finish.arrive()
	}()
	took := watch.until(finish.wait())
	return result{receives, took, sum == wanted,
		[]figure{{"primes", float64(o.items)}, {"ms", float64(took.wallNs) / 1e6}}}
}

func ring(o options) result {
	channels := makeChannels(o.k, o.capacity)
	finish := newFinishLine(1)
	began := uint64(0)
	for i := range channels {
		go func(in <-chan uint64, out chan<- uint64) {
			atomic.AddUint64(&began, 1)
			for v := range in {
				if v == o.items {
					finish.arrive()
					return
				}
				out <- v + 1
			}
		}(channels[i], channels[(i+1)%o.k])
	}
	waitUntil(&began, uint64(o.k))
	watch := startWatch()
	go func() { channels[0] <- 0 }()
	took := watch.until(finish.wait())
	for _, ch := range channels {
		close(ch)
	}
	return result{o.items, took, true, nil}
}

// Go cannot be asked who is parked: all have begun, and then some time.
func waitUntil(count *uint64, wanted uint64) {
	for atomic.LoadUint64(count) < wanted {
		runtime.Gosched()
	}
	time.Sleep(50 * time.Millisecond)
}

func skynetNode(parent chan<- uint64, first, leaves uint64, capacity int) {
	if leaves == 1 {
		parent <- first
		return
	}
	ch := make(chan uint64, capacity)
	for i := uint64(0); i < 10; i++ {
		go skynetNode(ch, first+i*(leaves/10), leaves/10, capacity)
	}
	sum := uint64(0)
	for i := 0; i < 10; i++ {
		sum += <-ch
	}
	parent <- sum
}

func skynet(o options) result {
	finish := newFinishLine(1)
	var sum uint64
	watch := startWatch()
	go func() {
		ch := make(chan uint64, o.capacity)
		go skynetNode(ch, 0, o.items, o.capacity)
		sum = <-ch
		finish.arrive()
	}()
	took := watch.until(finish.wait())
	return result{o.items, took, sum == sumTo(o.items-1),
		[]figure{{"ms", float64(took.wallNs) / 1e6}}}
}
