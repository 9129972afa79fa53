package redistest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// StartCluster is [Start] for a cluster: see [NewCluster].
func StartCluster(t testing.TB, replicas int, options ...Option) *Cluster {
	t.Helper()
	return begin(t, func() (*Cluster, error) { return NewCluster(replicas, options...) })
}

// Primaries is how many primaries a [Cluster] has. It is the least with which a cluster decides about a failover.
const Primaries = 3

// slots is how many hash slots a cluster has.
const slots = 16384

// A Cluster is a Redis cluster with 3 primaries and their replicas. Create it with [NewCluster] or [StartCluster], and Close it
// at the end.
type Cluster struct {
	// Nodes are the servers: first those that were primaries at the start, then their replicas in the same order, as many
	// rounds of them as each primary has replicas.
	Nodes []*Server

	client *redis.ClusterClient
}

// NewCluster creates a cluster in which each primary has so many replicas, and starts it. The error is [ErrNotInstalled] if
// Redis is not installed.
func NewCluster(replicas int, options ...Option) (*Cluster, error) {
	if replicas < 0 {
		return nil, fmt.Errorf("redistest: %d replicas: want 0 or more", replicas)
	}
	set := apply(options)
	lines := append([]string{"cluster-enabled yes", "cluster-config-file nodes.conf", "repl-diskless-sync-delay 0",
		fmt.Sprint("cluster-node-timeout ", set.nodeTimeout.Milliseconds())}, set.lines...)
	c := new(Cluster)
	for range Primaries * (1 + replicas) {
		s, err := launch(lines, true)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.Nodes = append(c.Nodes, s)
	}
	c.client = redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Addrs(), MaxRedirects: 8, DialerRetries: 1,
		ClusterStateReloadInterval: 100 * time.Millisecond, // it does not look for another primary when one is dead
		DialTimeout:                patience, ReadTimeout: patience, WriteTimeout: patience, ContextTimeoutEnabled: true})
	if err := c.join(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// join makes the nodes a cluster.
func (c *Cluster) join() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for i, n := range c.Nodes[:Primaries] {
		epoch := n.client.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err() // else they have to find out who comes first
		first, last := i*slots/Primaries, (i+1)*slots/Primaries-1
		if err := errors.Join(epoch, n.client.ClusterAddSlotsRange(ctx, first, last).Err()); err != nil {
			return fmt.Errorf("redistest: slots of a cluster: %w", err)
		}
	}
	for _, n := range c.Nodes[1:] {
		if err := c.Nodes[0].client.Do(ctx, "CLUSTER", "MEET", "127.0.0.1", n.port, n.busPort).Err(); err != nil {
			return fmt.Errorf("redistest: a cluster does not meet: %w", err)
		}
	}
	if err := until("the nodes of the cluster do not know each other", c.know); err != nil {
		return err
	}
	for i, n := range c.Nodes[Primaries:] {
		id, err := c.Nodes[i%Primaries].client.ClusterMyID(ctx).Result()
		if err == nil {
			err = n.client.ClusterReplicate(ctx, id).Err()
		}
		if err != nil {
			return fmt.Errorf("redistest: a replica in a cluster: %w", err)
		}
	}
	return c.Await()
}

// know reports whether each node that runs knows all others, and a node that runs for each slot.
func (c *Cluster) know(ctx context.Context) (bool, error) {
	for _, n := range c.Nodes {
		if n.process == nil {
			continue
		}
		info, err := n.client.ClusterInfo(ctx).Result()
		if err != nil {
			return false, err
		}
		has := fields(info)
		if has["cluster_state"] != "ok" || has["cluster_known_nodes"] != strconv.Itoa(len(c.Nodes)) ||
			has["cluster_slots_ok"] != strconv.Itoa(slots) {
			return false, fmt.Errorf("%s says:\n%s", n.Addr(), info)
		}
		shards, err := n.client.ClusterShards(ctx).Result()
		if err != nil {
			return false, err
		}
		for _, shard := range shards {
			if p := c.at(shard.Nodes); len(shard.Slots) > 0 && (p == nil || p.process == nil) {
				return false, fmt.Errorf("%s does not know yet who has the slots %v", n.Addr(), shard.Slots)
			}
		}
	}
	return true, nil
}

// at returns the primary among the nodes of a shard; nil if there is none.
func (c *Cluster) at(nodes []redis.Node) *Server {
	for _, n := range nodes {
		for _, s := range c.Nodes {
			if n.Role == "master" && n.Port == int64(s.port) {
				return s
			}
		}
	}
	return nil
}

// Await waits until the cluster is whole: each slot has a primary that runs, all nodes that run know it, and each replica has
// all of its primary's data. So after a Kill of a primary, it waits for the failover.
func (c *Cluster) Await() error {
	return until("the cluster is not whole", func(ctx context.Context) (bool, error) {
		if ok, err := c.know(ctx); !ok {
			return false, err
		}
		return linked(ctx, c.Nodes)
	})
}

// linked reports whether each of the servers that runs and is a replica of another one has all of its primary's data.
func linked(ctx context.Context, servers []*Server) (bool, error) {
	states := map[int]map[string]string{} // by port
	for _, s := range servers {
		if s.process == nil {
			continue
		}
		info, err := s.client.Info(ctx, "replication").Result()
		if err != nil {
			return false, err
		}
		states[s.port] = fields(info)
	}
	for port, replica := range states {
		if replica["role"] != "slave" {
			continue
		}
		of, err := strconv.Atoi(replica["master_port"])
		primary := states[of]
		if err != nil || primary == nil || replica["master_link_status"] != "up" ||
			replica["slave_repl_offset"] != primary["master_repl_offset"] {
			return false, fmt.Errorf("the replica at port %d says %v, its primary %v", port, replica, primary)
		}
	}
	return true, nil
}

// fields returns the lines "name:value" of an answer to INFO.
func fields(info string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			all[name] = value
		}
	}
	return all
}

// Addrs returns where the nodes listen.
func (c *Cluster) Addrs() []string {
	addrs := make([]string, len(c.Nodes))
	for i, n := range c.Nodes {
		addrs[i] = n.Addr()
	}
	return addrs
}

// Client returns a client of the cluster. It waits long for answers. It is closed with the cluster.
func (c *Cluster) Client() *redis.ClusterClient { return c.client }

// Primary returns the node that has the key's slot now, as the first node that answers knows it. A node that Stop made hang
// is not asked for long.
func (c *Cluster) Primary(key string) (*Server, error) {
	var errs []error
	for _, n := range c.Nodes {
		if n.process == nil {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		p, err := c.primary(ctx, n, key)
		cancel()
		if err == nil {
			return p, nil
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("redistest: it is not known who has the slot of %q: %w", key, errors.Join(errs...))
}

// primary asks a node which one has the slot of a key.
func (c *Cluster) primary(ctx context.Context, asked *Server, key string) (*Server, error) {
	slot, err := asked.client.ClusterKeySlot(ctx, key).Result()
	if err != nil {
		return nil, err
	}
	shards, err := asked.client.ClusterShards(ctx).Result()
	if err != nil {
		return nil, err
	}
	for _, shard := range shards {
		for _, r := range shard.Slots {
			if p := c.at(shard.Nodes); p != nil && r.Start <= slot && slot <= r.End {
				return p, nil
			}
		}
	}
	return nil, fmt.Errorf("%s knows none", asked.Addr())
}

// Close ends the nodes and removes their data.
func (c *Cluster) Close() error {
	var err error
	if c.client != nil {
		err = c.client.Close()
	}
	for _, n := range c.Nodes {
		err = errors.Join(err, n.Close())
	}
	return err
}
