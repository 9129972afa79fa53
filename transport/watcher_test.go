package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

func TestWatchIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness()
		r, wr := io.Pipe()
		resp := response(r)
		new(Watcher).Watch(context.Background(), resp, w, WatchOptions{IdleTime: 10 * time.Minute})
		go func() {
			time.Sleep(25 * time.Minute) // longer than IdleTime, but a read is under way
			wr.Write([]byte("data: a\n\n"))
		}()
		buf := make([]byte, 100)
		if _, err := resp.Body.Read(buf); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10*time.Minute - time.Second)
		synctest.Wait()
		if len(w.ends()) != 0 {
			t.Fatalf("given up too early: %v", w.ends())
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := fmt.Sprint(w.ends()); got != "[idle "+ErrIdle.Error()+"]" {
			t.Errorf("not given up: %v", got)
		}
		if _, err := resp.Body.Read(buf); !errors.Is(err, ErrIdle) {
			t.Errorf("a read after that: %v", err)
		}
		synctest.Wait()
		if _, err := wr.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the body beneath is not closed: %v", err)
		}
	})
}

// Bodies with different idle times are each closed in time, with one timer, in whichever order they came. One that is closed
// is not checked again.
func TestWatcherOfManyBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var watcher Watcher
		times := []time.Duration{5 * time.Minute, time.Minute, 3 * time.Minute, 2 * time.Minute, 4 * time.Minute}
		var all []*witness
		for _, idle := range times {
			r, _ := io.Pipe()
			w, resp := newWitness(), response(r)
			watcher.Watch(t.Context(), resp, w, WatchOptions{IdleTime: idle})
			if all = append(all, w); idle == 3*time.Minute {
				resp.Body.Close()
			}
		}
		for minute := range 6 {
			time.Sleep(time.Second)
			synctest.Wait()
			for i, w := range all {
				want := "[]"
				switch {
				case times[i] == 3*time.Minute:
					want = "[closed <nil>]"
				case minute >= int(times[i]/time.Minute):
					want = "[idle " + ErrIdle.Error() + "]"
				}
				if got := fmt.Sprint(w.ends()); got != want {
					t.Errorf("after %d minutes, the body of %v: %s, want %s", minute, times[i], got, want)
				}
			}
			time.Sleep(time.Minute - time.Second)
		}
		if watcher.first != nil {
			t.Error("bodies are left in the list")
		}
	})
}
