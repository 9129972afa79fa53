-- What the scripts share. KEYS[1] is the group's state: the version of the layout, "ok" or why budgets are closed, and which
-- data it is. KEYS[2] is the attempt's record. ARGV[1] is numbers and texts in MessagePack, which
-- are the array a. A reply is numbers in MessagePack, too: building an array of Redis's costs more.
--
-- The values of limits, budgets and sequences begin with the time at which they may be forgotten, in microseconds. They have no
-- time to live, because MSET, which writes all of them at once, takes none: the sorted set of idle ones says when to look at each.
-- See sweep.lua.

local call, pack, ceil, floor = redis.call, cmsgpack.pack, math.ceil, math.floor

local month = 2678400000000 -- 31 days, in microseconds: for so long a permit or money that is held is not forgotten

local U = 60000000 -- microseconds in a minute: what a bucket is short of is in tokens times this, which is exact

-- gate returns nothing if the group's state is the one that the caller knows, and else what to reply.
local function gate(state, version, want, budgets, now)
  if state == want then return nil end
  if not state then
    call('SET', KEYS[1], version .. ' empty')
    if budgets then return pack(2, now) end
    return nil
  end
  local v, open = string.match(state, '^(%S+) (%S+)')
  if v ~= version then return pack(3, now, state) end
  if not budgets then return nil end
  if open ~= 'ok' then return pack(2, now) end
  return pack(6, now, state)
end

-- behind reports whether Redis has forgotten what this process knows to be there.
local function behind(text, acked, version)
  if acked == 0 then return false end
  local seq = 0
  if text then local _, n = cmsgpack.unpack(text) seq = n end
  if seq >= acked then return false end
  call('SET', KEYS[1], version .. ' lost')
  return true
end

-- sequence returns the value that notes how far the caller has got, after the value before.
local function sequence(seq, before, now)
  if before then
    local _, n = cmsgpack.unpack(before)
    if n > seq then seq = n end
  end
  return pack(now + 86400000000, seq)
end

-- watch has a new key looked at after a while: see sweep.lua.
local function watch(idle, key, now) call('ZADD', idle, now + 600000000, key) end

-- pick returns which of three windows the time t is in, as its start and its end in seconds: a[p] to a[p+3] are where they
-- begin and end.
local function pick(a, p, t)
  t = floor(t / 1000000)
  for i = p, p + 2 do
    if t >= a[i] and t < a[i + 1] then return a[i], a[i + 1] end
  end
end

-- load returns the state of a limit: 1 when it may be forgotten; 2 when it was last changed; what its buckets are short of, in 3
-- requests, 4 tokens, 5 input and 6 output; 7 the day, and its 8 requests and 9 tokens; and 10 how many permits are out.
local function load(text, now)
  if not text then return {0, now, 0, 0, 0, 0, 0, 0, 0, 0} end
  return {cmsgpack.unpack(text)}
end

-- stored returns the value of a budget whose window ends at till.
local function stored(win, spent, exposed, held, till)
  till = till + 3600000000
  if held > 0 then till = till + month end
  return pack(till, win, spent, exposed, held)
end

-- account returns the state of a budget at the time now: its window, what is spent, the part of that which may not have been
-- charged, what is held, and when the window ends, in microseconds. Nothing if the time is not within the caller's windows.
-- A sliding window is made of slices; what is spent in each is a field of a hash. Slices that have left the window are dropped,
-- and then the state is written at once: the caller may go on to refuse.
local function account(key, slices, text, a, p, now)
  local win, spent, exposed, held = 0, 0, 0, 0
  local _
  if text then _, win, spent, exposed, held = cmsgpack.unpack(text) end
  if a[p] == 0 then
    local from, till = pick(a, p + 1, now)
    if not from then return nil end
    if from > win then
      win, spent, exposed, held = from, 0, 0, 0
    elseif win > from then
      till = win + (till - from) -- the clock went back: the window that has begun goes on
    end
    return win, spent, exposed, held, till * 1000000
  end
  local slice, count = a[p + 1], a[p + 2]
  local at = floor(now / slice)
  if at > win then
    if win > 0 and (spent > 0 or exposed > 0) then
      local all = call('HGETALL', slices)
      local gone = {}
      for i = 1, #all, 2 do
        local n = tonumber(string.match(all[i], '%d+'))
        if n < at - count then
          gone[#gone + 1] = all[i]
          if string.sub(all[i], 1, 1) == 'x' then exposed = exposed - all[i + 1] else spent = spent - all[i + 1] end
        end
      end
      for i = 1, #gone, 1000 do call('HDEL', slices, unpack(gone, i, math.min(i + 999, #gone))) end
      if #gone > 0 then call('SET', key, stored(at, spent, exposed, held, (at + count + 2) * slice)) end
    end
    win = at
  end
  return win, spent, exposed, held, (at + count + 2) * slice
end
