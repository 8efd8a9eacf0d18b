// SPDX-License-Identifier: MIT

// The Go runtime on a kernel: goroutines over several threads, channels, the
// garbage collector, timers, asynchronous preemption (SIGURG), signals, panics
// from faults, files. The output is the same on every run.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func check(what string, isTrue bool) {
	if isTrue {
		fmt.Println("ok", what)
	} else {
		fmt.Println("FAIL", what)
	}
}

func goroutines() {
	var wg sync.WaitGroup
	var mu sync.Mutex
	sum, results := 0, make(chan int, 16)
	for i := 0; i < 1000; i++ {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			for k := 0; k < 10; k++ {
				runtime.Gosched()
			}
			results <- i
		}(i)
	}
	go func() { wg.Wait(); close(results) }()
	for value := range results {
		mu.Lock()
		sum += value
		mu.Unlock()
	}
	fmt.Println("sum of 1000 goroutines", sum)

	ping, pong := make(chan int), make(chan int)
	go func() {
		for v := range ping {
			pong <- v + 1
		}
		close(pong)
	}()
	v := 0
	for i := 0; i < 5000; i++ {
		ping <- v
		v = <-pong
	}
	close(ping)
	fmt.Println("round trips over channels", v)
}

// Threads locked to goroutines that block in system calls.
func threads() {
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids := map[int]bool{}
	for i := 0; i < 20; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			runtime.LockOSThread()
			mu.Lock()
			ids[syscall.Gettid()] = true
			mu.Unlock()
			ts := syscall.Timespec{Nsec: 50e6}
			syscall.Nanosleep(&ts, nil)
		}()
	}
	wg.Wait()
	fmt.Println("threads", len(ids))
}

type node struct {
	left, right *node
	payload     [8]int64
}

func tree(depth int) *node {
	if depth == 0 {
		return &node{}
	}
	return &node{left: tree(depth - 1), right: tree(depth - 1), payload: [8]int64{int64(depth)}}
}

func (n *node) count() int {
	if n == nil {
		return 0
	}
	return 1 + n.left.count() + n.right.count()
}

func garbage() {
	debug.SetGCPercent(20)
	keep := tree(14)
	var wg sync.WaitGroup
	var total int64
	for i := 0; i < 4; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for k := 0; k < 10; k++ {
				atomic.AddInt64(&total, int64(tree(10).count()))
			}
		}()
	}
	wg.Wait()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	fmt.Println("nodes", total, keep.count())
	check("the collector ran", stats.NumGC >= 2)
	runtime.KeepAlive(keep)
	debug.FreeOSMemory()
}

func timers() {
	begin := time.Now()
	<-time.After(20 * time.Millisecond)
	check("time.After is not early", time.Since(begin) >= 20*time.Millisecond)
	ticker := time.NewTicker(2 * time.Millisecond)
	for i := 0; i < 10; i++ {
		<-ticker.C
	}
	ticker.Stop()
	check("ten ticks are not early", time.Since(begin) >= 40*time.Millisecond)
	var order []string
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, ms := range []int{300, 100, 200} {
		wg.Add(1)
		ms := ms
		time.AfterFunc(time.Duration(ms)*time.Millisecond, func() {
			mu.Lock()
			order = append(order, fmt.Sprint(ms))
			mu.Unlock()
			wg.Done()
		})
	}
	wg.Wait()
	fmt.Println("timers in order:", strings.Join(order, " "))
	check("a stopped timer does not fire", time.AfterFunc(time.Hour, func() {}).Stop())
}

// A loop without calls can only be stopped by a signal (SIGURG).
func preemption() {
	runtime.GOMAXPROCS(1)
	var isOver int32
	go func() {
		time.Sleep(10 * time.Millisecond)
		atomic.StoreInt32(&isOver, 1)
	}()
	n := 0
	for atomic.LoadInt32(&isOver) == 0 {
		n++
	}
	runtime.GOMAXPROCS(4)
	check("a tight loop is preempted", n > 0)
	done := make(chan bool)
	for i := 0; i < 4; i++ {
		go func() {
			for x := 0; x < 50000000; x++ {
			}
			done <- true
		}()
	}
	runtime.GC() // must stop all of them
	for i := 0; i < 4; i++ {
		<-done
	}
	check("a collection stops busy goroutines", true)
}

func faults() {
	caught := func(f func()) (text string) {
		defer func() {
			if r := recover(); r != nil {
				text = fmt.Sprint(r)
			}
		}()
		f()
		return "nothing"
	}
	var p *node
	fmt.Println("recovered:", caught(func() { p.payload[1] = 2 }))
	zero := 0
	fmt.Println("recovered:", caught(func() { fmt.Println(1 / zero) }))
	debug.SetMaxStack(64 << 20)
	var deep func(n int) int
	deep = func(n int) int {
		var pad [64]int
		pad[n%64] = n
		if n == 0 {
			return 0
		}
		return deep(n-1) + pad[n%64] - n + 1
	}
	fmt.Println("recursion", deep(50000))
}

func signals() {
	c := make(chan os.Signal, 10)
	signal.Notify(c, syscall.SIGUSR1, syscall.SIGHUP)
	syscall.Kill(syscall.Getpid(), syscall.SIGUSR1)
	fmt.Println("signal:", <-c)
	syscall.Kill(syscall.Getpid(), syscall.SIGHUP)
	fmt.Println("signal:", <-c)
	signal.Stop(c)
}

func files() {
	name := "/tmp/go-file"
	check("write a file", os.WriteFile(name, []byte("content"), 0o600) == nil)
	data, err := os.ReadFile(name)
	check("read it", err == nil && string(data) == "content")
	_, err = os.Stat("/none")
	check("a missing file", os.IsNotExist(err))
	r, w, _ := os.Pipe()
	go func() { time.Sleep(5 * time.Millisecond); w.WriteString("through a pipe"); w.Close() }()
	buffer := make([]byte, 64)
	n, _ := r.Read(buffer) // through the runtime's epoll
	fmt.Println(string(buffer[:n]))
	r2, _, _ := os.Pipe()
	r2.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	_, err = r2.Read(buffer)
	check("a deadline on a pipe", os.IsTimeout(err))
	os.Remove(name)
}

func main() {
	os.MkdirAll("/tmp", 0o777)
	fmt.Println(runtime.GOOS, runtime.GOARCH)
	runtime.GOMAXPROCS(4)
	goroutines()
	threads()
	garbage()
	timers()
	preemption()
	faults()
	signals()
	files()
	fmt.Println("done")
}
