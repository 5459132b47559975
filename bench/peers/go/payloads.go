package main

import "encoding/binary"

type words64 struct {
	value uint64
	rest  [7]uint64
}

func makeStruct(v uint64) words64 {
	return words64{v, [7]uint64{v, v, v, v, v, v, v}}
}

// 48 bytes, always on the heap.
func makeString(v uint64) []byte {
	b := make([]byte, 48)
	binary.LittleEndian.PutUint64(b, v)
	return b
}

func streamOfStructs(o options) result {
	ch := make(chan words64, o.capacity)
	finish := newFinishLine(2)
	var sum uint64
	watch := startWatch()
	go func() {
		for i := uint64(1); i <= o.items; i++ {
			ch <- makeStruct(i)
		}
		close(ch)
		finish.arrive()
	}()
	go func() {
		for v := range ch {
			sum += v.value
		}
		finish.arrive()
	}()
	took := watch.until(finish.wait())
	return result{o.items, took, sum == sumTo(o.items), nil}
}

func streamOfStrings(o options) result {
	ch := make(chan []byte, o.capacity)
	finish := newFinishLine(2)
	var sum uint64
	watch := startWatch()
	go func() {
		for i := uint64(1); i <= o.items; i++ {
			ch <- makeString(i)
		}
		close(ch)
		finish.arrive()
	}()
	go func() {
		for v := range ch {
			sum += binary.LittleEndian.Uint64(v)
		}
		finish.arrive()
	}()
	took := watch.until(finish.wait())
	return result{o.items, took, sum == sumTo(o.items), nil}
}
