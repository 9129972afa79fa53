package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// A process is a worker, as the parent sees it.
type process struct {
	number int
	cmd    *exec.Cmd
	stdin  io.WriteCloser // the worker ends when it is closed
	ready  chan struct{}  // closed when the worker has connected, or has ended
	ended  chan struct{}  // closed when it has ended
	killed bool

	mu   sync.Mutex
	last counts
}

// spawn starts a worker.
func spawn(a agreement, logs io.Writer) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{number: a.Worker, cmd: exec.Command(program), ready: make(chan struct{}), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), workerEnv+"=1")
	p.cmd.Stderr = logs
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go p.read(stdout)
	if err := json.NewEncoder(p.stdin).Encode(a); err != nil {
		return nil, errors.Join(err, p.end())
	}
	return p, nil
}

// read reads what the worker reports, until it has ended.
func (p *process) read(stdout io.Reader) {
	isReady := false
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var c counts
		if json.Unmarshal(lines.Bytes(), &c) != nil {
			continue // a process that was killed within a line
		}
		p.mu.Lock()
		p.last = c
		p.mu.Unlock()
		if c.Ready && !isReady {
			isReady = true
			close(p.ready)
		}
	}
	p.cmd.Wait()
	if !isReady {
		close(p.ready)
	}
	close(p.ended)
}

// counts returns the latest report.
func (p *process) counts() counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// awaitReady waits until the worker has connected.
func (p *process) awaitReady() error {
	select {
	case <-p.ready:
	case <-time.After(time.Minute):
	}
	if c := p.counts(); !c.Ready {
		return fmt.Errorf("worker %d did not start: %s", p.number, c.Error)
	}
	return nil
}

// tell gives the worker a command. A worker that has ended is not an error here.
func (p *process) tell(command string) { fmt.Fprintln(p.stdin, command) }

// kill ends the worker at once, as a crash does.
func (p *process) kill() error {
	p.killed = true
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.ended
	return nil
}

// end has the worker end, and kills it if it does not. The error is the worker's.
func (p *process) end() error {
	if p.killed {
		return nil
	}
	p.stdin.Close()
	if !p.hasEnded(20 * time.Second) {
		return errors.Join(fmt.Errorf("worker %d did not end", p.number), p.kill())
	}
	if c := p.counts(); c.Error != "" {
		return fmt.Errorf("worker %d: %s", p.number, c.Error)
	}
	return nil
}

// hasEnded reports whether the worker ends within d.
func (p *process) hasEnded(d time.Duration) bool {
	select {
	case <-p.ended:
		return true
	default:
	}
	select {
	case <-p.ended:
		return true
	case <-time.After(d):
		return false
	}
}
