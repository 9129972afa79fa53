-- The registry of context caches. Go puts one of the functions at the end behind this and calls it.
--
-- KEYS: entries (id -> packed fields), expires (id -> ms), claims (id -> packed owner and lease), leases (id -> ms).
-- All times are in milliseconds of the server's clock. Fields are strings, so that no number loses digits in a double.

local entries, expires, claims, leases = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id = ARGV[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- entry returns the fields of the live cache of the id, and its end as the last of them.
local function entry(of)
	local ends = redis.call('ZSCORE', expires, of)
	if not ends or tonumber(ends) <= now then
		return false
	end
	local packed = redis.call('HGET', entries, of)
	if not packed then
		return false
	end
	local fields = cmsgpack.unpack(packed)
	fields[#fields + 1] = ends
	return fields
end

-- claim returns the owner of the id's claim and how long it lasts.
local function claim()
	local ends, packed = redis.call('ZSCORE', leases, id), redis.call('HGET', claims, id)
	if not ends or not packed or tonumber(ends) <= now then
		return false, 0
	end
	local fields = cmsgpack.unpack(packed)
	local left, lease = tonumber(ends) - now, tonumber(fields[2])
	if left > lease then -- the clock was set back
		left = lease
		redis.call('ZADD', leases, now + left, id)
	end
	return fields[1], left
end

-- drop removes an id.
local function drop(hash, times, of)
	redis.call('HDEL', hash, of)
	redis.call('ZREM', times, of)
end

-- put stores packed fields of the id until a time.
local function put(hash, times, ends, fields)
	redis.call('HSET', hash, id, cmsgpack.pack(fields))
	redis.call('ZADD', times, ends, id)
end

-- keep lets Redis remove a hash and its times after the last of them.
local function keep(hash, times)
	local last = redis.call('ZREVRANGE', times, 0, 0, 'WITHSCORES')
	if last[2] then
		redis.call('PEXPIREAT', hash, last[2])
		redis.call('PEXPIREAT', times, last[2])
	end
end

-- sweep removes some of what is over.
local function sweep(hash, times)
	for _, of in ipairs(redis.call('ZRANGEBYSCORE', times, '-inf', now, 'LIMIT', 0, 100)) do
		drop(hash, times, of)
	end
end

-- full reports whether there is no room for a new id.
local function full(most)
	sweep(entries, expires)
	sweep(claims, leases)
	return redis.call('ZCARD', expires) + redis.call('ZCARD', leases) >= tonumber(most)
end

-- ARGV: id, owner, lease, most.
local function take()
	local live = entry(id)
	if live then
		return {'entry', live}
	end
	local owner, left = claim()
	if owner and owner ~= ARGV[2] then
		return {'wait', left}
	end
	if not owner and full(ARGV[4]) then
		return {'full'}
	end
	put(claims, leases, string.format('%.0f', now + tonumber(ARGV[3])), {ARGV[2], ARGV[3]})
	keep(claims, leases)
	return {'mine'}
end

-- ARGV: id, owner, expires, most, fields of the entry.
local function publish()
	local live, owner = entry(id), claim()
	local lasts = tonumber(ARGV[3]) > now
	if lasts and not live and not owner and full(ARGV[4]) then
		return {'full'}
	end
	if owner == ARGV[2] then
		drop(claims, leases, id)
	end
	if not live and lasts then
		local fields = {}
		for i = 5, #ARGV do
			fields[i - 4] = ARGV[i]
		end
		put(entries, expires, ARGV[3], fields)
		keep(entries, expires)
		live = entry(id)
	end
	return {'entry', live}
end

-- ARGV: id, owner.
local function release()
	if claim() == ARGV[2] then
		drop(claims, leases, id)
	end
	return {'done'}
end

-- ARGV: id, name, expires; without expires, the entry is removed.
local function change()
	local live = entry(id)
	if not live or live[1] ~= ARGV[2] then
		return {'other'}
	end
	if not ARGV[3] then
		drop(entries, expires, id)
	else
		redis.call('ZADD', expires, ARGV[3], id)
		keep(entries, expires)
	end
	return {'done'}
end

-- ARGV: id (of no use), owner.
local function own()
	local all = {'entries'}
	for _, of in ipairs(redis.call('HKEYS', entries)) do
		local live = entry(of)
		if live and live[2] == ARGV[2] then
			all[#all + 1] = live
		end
	end
	return all
end
