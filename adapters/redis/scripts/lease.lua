-- Renews leases, and finds what is due. KEYS: what is due, and the caller's sequence. ARGV: lease (µs), and the attempts of the
-- caller. Replies with at most 500: records of attempts whose lease has ended, and other keys that may no longer be needed.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], 'XX', now + ARGV[1], ARGV[i]) end
redis.call('ZADD', KEYS[1], 'XX', now + 86400000000, KEYS[2]) -- the caller lives
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 500)
