-- Forgets what is no longer needed. KEYS: what is due, and of it the keys of limits, budgets and sequences. Of each that is still
-- needed it notes when to look at it again, but not sooner than in 10 minutes.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
for i = 2, #KEYS do
  local key = KEYS[i]
  local text = redis.call('GET', key)
  local till = text and cmsgpack.unpack(text) or 0
  if till > now then
    redis.call('ZADD', KEYS[1], math.max(till, now + 600000000), key)
  else
    redis.call('UNLINK', key)
    redis.call('ZREM', KEYS[1], key)
  end
end
