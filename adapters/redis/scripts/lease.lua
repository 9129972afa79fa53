-- Renews leases, and finds those that have ended. KEYS: leases, sequence, idle keys. ARGV: lease (µs), and the attempts of the
-- caller. Replies with the records of attempts whose lease has ended: at most 100.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], 'XX', now + ARGV[1], ARGV[i]) end
redis.call('ZADD', KEYS[3], 'XX', now + 86400000000, KEYS[2]) -- the caller lives
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 100)
