package redis

import "sync/atomic"

// Stats are counts since the Store was made, and how it is now.
type Stats struct {
	Reserves int64 // attempts that Redis admitted
	Local    int64 // attempts that were admitted by this process's share, because Redis could not be reached
	Refused  int64 // attempts that were refused because it was not known what budgets have left
	Downs    int64 // times that Redis became unreachable
	Losses   int64 // times that Redis was found not to know what was spent
	Expired  int64 // attempts of processes that had died, which this process ended
	Dropped  int64 // ends of attempts that were not sent to Redis, because too many waited; what they held counts as spent
	Queued   int   // ends of attempts that wait to be sent to Redis now
	Down     bool  // whether Redis cannot be reached now
	Closed   bool  // whether budgets are closed now, because Redis does not know what was spent
}

type counts struct {
	reserves, local, refused, downs, losses, expired, dropped atomic.Int64
}

// Stats returns how the Store does.
func (s *Store) Stats() Stats {
	c := &s.counts
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{
		Reserves: c.reserves.Load(), Local: c.local.Load(), Refused: c.refused.Load(), Downs: c.downs.Load(), Losses: c.losses.Load(),
		Expired: c.expired.Load(), Dropped: c.dropped.Load(), Queued: s.outbox.length(), Down: s.health.isDown(), Closed: s.closed != nil || s.someClosed(),
	}
}
