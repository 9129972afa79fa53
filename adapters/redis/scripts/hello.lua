-- Says how Redis is. KEYS: state, a key to write to, so that a replica that only reads is found out. Replies {0, now, state}.

local time = redis.call('TIME')
redis.call('SET', KEYS[2], '1', 'PX', 1000)
return cmsgpack.pack(0, time[1] * 1000000 + time[2], redis.call('GET', KEYS[1]) or '')
