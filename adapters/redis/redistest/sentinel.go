package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"
)

// StartSentinel is [Start] for a primary with a replica and Sentinel: see [NewSentinel].
func StartSentinel(t testing.TB, options ...Option) *Sentinel {
	t.Helper()
	return begin(t, func() (*Sentinel, error) { return NewSentinel(options...) })
}

// PrimaryName is what a [Sentinel] calls the servers that it watches: the MasterName of a client's options.
const PrimaryName = "redistest"

// A Sentinel is a primary with a replica, and a process of Redis Sentinel that makes the replica the primary when the other
// is dead. Create it with [NewSentinel] or [StartSentinel], and Close it at the end.
type Sentinel struct {
	Servers []*Server // at the start, the first is the primary and the second its replica
	Watcher *Server   // the Sentinel

	client   *redis.Client
	sentinel *redis.SentinelClient
}

// NewSentinel creates two servers and their Sentinel, and starts them. The options are those of the servers. The error is
// [ErrNotInstalled] if Redis is not installed.
func NewSentinel(options ...Option) (*Sentinel, error) {
	set := apply(options)
	s := new(Sentinel)
	if err := s.start(set); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// start starts the servers and the Sentinel.
func (s *Sentinel) start(set settings) error {
	lines := append([]string{"repl-diskless-sync-delay 0"}, set.lines...)
	primary, err := launch(lines, false)
	if err != nil {
		return err
	}
	s.Servers = append(s.Servers, primary)
	replica, err := launch(append(lines, fmt.Sprint("replicaof 127.0.0.1 ", primary.port)), false)
	if err != nil {
		return err
	}
	s.Servers = append(s.Servers, replica)
	s.Watcher, err = launch([]string{
		fmt.Sprintf("sentinel monitor %s 127.0.0.1 %d 1", PrimaryName, primary.port),
		fmt.Sprintf("sentinel down-after-milliseconds %s %d", PrimaryName, set.nodeTimeout.Milliseconds()),
		fmt.Sprintf("sentinel failover-timeout %s %d", PrimaryName, 10*set.nodeTimeout.Milliseconds()),
	}, false, "--sentinel")
	if err != nil {
		return err
	}
	s.sentinel = redis.NewSentinelClient(s.Watcher.options())
	s.client = redis.NewFailoverClient(&redis.FailoverOptions{MasterName: PrimaryName, SentinelAddrs: s.Addrs(), MaxRetries: -1,
		DialerRetries: 1, DialTimeout: patience, ReadTimeout: patience, WriteTimeout: patience, ContextTimeoutEnabled: true})
	return s.Await()
}

// Await waits until the primary runs and, if the other server runs too, that is a replica which the Sentinel knows and which
// has all of the primary's data. So after a Kill of the primary, it waits for the failover. The Sentinel takes more than ten
// seconds to make a former primary a replica.
func (s *Sentinel) Await() error {
	return until("the Sentinel has no primary", func(ctx context.Context) (bool, error) {
		primary, err := s.Primary()
		if err != nil {
			return false, err
		}
		role, err := primary.client.Do(ctx, "ROLE").Slice()
		if err != nil || role[0] != "master" {
			return false, errors.Join(err, fmt.Errorf("%s is named as the primary, and says: %v", primary.Addr(), role))
		}
		for _, other := range s.Servers {
			if other == primary || other.process == nil {
				continue
			}
			if err := s.replicates(ctx, other, primary); err != nil {
				return false, err
			}
		}
		return linked(ctx, s.Servers)
	})
}

// replicates returns an error if a server is not the other's replica, or the Sentinel does not know it as one.
func (s *Sentinel) replicates(ctx context.Context, replica, primary *Server) error {
	role, err := replica.client.Do(ctx, "ROLE").Slice()
	if err != nil {
		return err
	}
	if role[0] != "slave" || fmt.Sprint(role[2]) != strconv.Itoa(primary.port) {
		return fmt.Errorf("%s says: %v", replica.Addr(), role)
	}
	known, err := s.sentinel.Replicas(ctx, PrimaryName).Result()
	if err != nil {
		return err
	}
	for _, r := range known {
		if r["port"] == strconv.Itoa(replica.port) && r["flags"] == "slave" && r["master-link-status"] == "ok" {
			return nil
		}
	}
	return fmt.Errorf("the Sentinel knows these replicas: %v", known)
}

// Addrs returns where the Sentinel listens, as a client's options have it.
func (s *Sentinel) Addrs() []string { return []string{s.Watcher.Addr()} }

// Client returns a client of the primary that follows a failover. It waits long for answers, and does not repeat commands.
// It is closed with the servers.
func (s *Sentinel) Client() *redis.Client { return s.client }

// Primary returns the server that is the primary now, as the Sentinel knows it.
func (s *Sentinel) Primary() (*Server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	at, err := s.sentinel.GetMasterAddrByName(ctx, PrimaryName).Result()
	if err != nil {
		return nil, fmt.Errorf("redistest: the Sentinel names no primary: %w", err)
	}
	for _, server := range s.Servers {
		if len(at) == 2 && net.JoinHostPort(at[0], at[1]) == net.JoinHostPort("127.0.0.1", strconv.Itoa(server.port)) {
			return server, nil
		}
	}
	return nil, fmt.Errorf("redistest: the Sentinel names a server that is not of this test: %v", at)
}

// Close ends the servers and removes their data.
func (s *Sentinel) Close() error {
	var err error
	if s.client != nil {
		err = errors.Join(s.client.Close(), s.sentinel.Close())
	}
	for _, server := range append(s.Servers, s.Watcher) {
		if server != nil {
			err = errors.Join(err, server.Close())
		}
	}
	return err
}
