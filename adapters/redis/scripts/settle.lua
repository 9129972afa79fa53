-- Ends an attempt, or counts what no attempt was admitted for.
--
-- KEYS: as those of reserve.lua.
-- a: 1 version, 2 known state, 3 mode: 0 the attempt has ended, 1 counts money, 2 its lease has ended, 3 charges limits, 4 cancels
-- it, 4 when the money was spent if there is no record (µs; 0: now), 5 what it cost, with 6 the part of that which may not have
-- been charged (nanodollars), 7 and 8 the record's life after that, without and with such a part (ms), 9 limits, 10 budgets, 11 and
-- 12 sequence that is known to be there and that of this call, 13 what the record keeps if it has such a part, 14 turn: see
-- reserve.lua; from 15 each limit: n, n times (place in its state, rate, what
-- it counts for above what was taken), day: 0, or 1 and 4 times, requests, tokens, likewise; permits to give back; and each
-- budget: kind, 4 numbers of its window.
--
-- Replies {0, now}. {7, now}: the lease has not ended. The others are as those of reserve.lua.

local a = {read(ARGV[1])}
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local mode, nl, nb = a[3], a[9], a[10]
local first = 2 + nl
local last = first + 2 * nb
if nb > 0 then last = last + 1 end
local due = KEYS[last + 1]
local got = call('MGET', unpack(KEYS, 1, last))

if got[1] ~= a[2] then
  --include gate.lua
  local reply = gate(got[1], a[1], a[2], nb > 0, now)
  if reply then return reply end
end
local writes, w = {'MSET'}, 1
local stored, account
if nb > 0 then
  local _, known = 0, 0
  if got[last] then _, known = read(got[last]) end
  if known < a[11] then -- Redis has forgotten what this process knows to be there
    call('SET', KEYS[1], a[1] .. ' lost')
    return pack(2, now)
  end
  for k = first + nb + 1, last - 1 do
    if got[k] ~= got[1] then return pack(10, now) end
  end
  writes[2], writes[3], w = KEYS[last], pack(now + 86400000000, math.max(known, a[12])), 3
  --include money.lua
end

local function done()
  if w > 1 then call(unpack(writes)) end
  for k = 3, last do
    if not got[k] then call('ZADD', due, now + soon, KEYS[k]) end -- sweep.lua forgets those that were not written
  end
  return pack(0, now)
end

local status, at, go, keep, hold, old, oldx, data, turn = 0, a[4], 0, '', 0, 0, 0, '', 0
if got[2] then status, at, go, keep, hold, old, oldx, data, turn = read(got[2]) end
if at == 0 or at > now then at = now end
if mode == 2 then
  local score = call('ZSCORE', due, KEYS[2])
  if not score or tonumber(score) > now then return pack(7, now) end
  if status ~= 1 then
    call('ZREM', due, KEYS[2])
    return done()
  end
end
if mode == 4 and status ~= 1 then
  -- The script that would admit the attempt may still come: it must find that its turn is over.
  if status == 0 then
    call('SET', KEYS[2], pack(3, now, now, '', 0, 0, 0, '', a[14]), 'PX', 600000)
  elseif turn < a[14] then
    call('SET', KEYS[2], pack(status, at, go, keep, hold, old, oldx, data, a[14]), 'KEEPTTL')
  end
  return done()
end
-- What the record says of money is about data that was lost if it is not about that of now.
if data ~= (got[1] or '') then hold, old, oldx = 0, 0, 0 end
local cost, exposed = a[5], a[6]
if mode == 2 then cost, exposed = old + hold, oldx + hold end

local p = 15
local apply = mode == 3 or status == 1 and mode ~= 1
for k = 1, nl do
  local text = got[2 + k]
  local s
  if text then s = {read(text)} else s = {0, now, 0} end
  local drain = math.max(0, now - s[2])
  local life, n = 0, a[p]
  p = p + 1
  for _ = 1, n do
    local place, rate = a[p], a[p + 1]
    for i = #s + 1, place do s[i] = 0 end
    local short = s[place] - rate * drain
    if short < 0 then short = 0 end
    short = short + a[p + 2] * U
    if short < 0 then short = 0 end
    s[place] = short
    if short > life * rate then life = short / rate end
    p = p + 3
  end
  if a[p] == 1 then
    for i = #s + 1, 10 do s[i] = 0 end
    local day = pick(a, p + 1, at)
    if day and day > s[8] and mode == 3 then s[8], s[9], s[10] = day, 0, 0 end
    if day == s[8] then s[9], s[10] = math.max(0, s[9] + a[p + 5]), math.max(0, s[10] + a[p + 6]) end
    local _, till = pick(a, p + 1, now)
    if not till then return pack(4, now) end
    life = math.max(life, till * 1000000 - now)
    p = p + 6
  end
  p = p + 1
  s[3] = math.max(0, s[3] - a[p])
  p = p + 1
  if apply and (text or mode == 3) then
    -- A permit that is out must not be forgotten, nor what the reaper, who names no rates, cannot say.
    if s[3] > 0 or mode == 2 then life = month end
    if mode ~= 2 then s[2] = now end
    s[1] = now + ceil(life)
    writes[w + 1], writes[w + 2] = KEYS[2 + k], pack(unpack(s))
    w = w + 2
  end
end

local later = {} -- what must not be done if a later budget's windows do not fit
for k = 1, nb do
  local key, slices = KEYS[first + k], KEYS[last + 1 + k]
  local win, spent, x, held, till = account(key, slices, got[first + k], a, p, now)
  if not win then return pack(4, now) end
  local more, morex = cost - old, exposed - oldx
  if a[p] == 0 then
    if pick(a, p + 1, at) == win then
      spent, x, held = spent + more, x + morex, math.max(0, held - hold)
    end
  else
    local slice, count = a[p + 1], a[p + 2]
    local n = math.min(floor(at / slice), win)
    held = math.max(0, held - hold)
    if n >= win - count then
      spent, x = spent + more, x + morex
      local field = string.format('%.0f', n)
      if more ~= 0 then later[#later + 1] = {'HINCRBY', slices, field, string.format('%.0f', more)} end
      if morex ~= 0 then later[#later + 1] = {'HINCRBY', slices, 'x' .. field, string.format('%.0f', morex)} end
      if more ~= 0 or morex ~= 0 then later[#later + 1] = {'PEXPIRE', slices, ceil((till - now) / 1000) + 3600000} end
    end
  end
  writes[w + 1], writes[w + 2] = key, stored(win, spent, x, held, till)
  w = w + 2
  p = p + 5
end

for i = 1, #later do call(unpack(later[i])) end

if mode == 3 then return done() end
local life, keeps = a[7], ''
if exposed > 0 then life, keeps = a[8], a[13] end
if mode == 1 and status == 1 then
  call('SET', KEYS[2], pack(1, at, go, keep, 0, cost, exposed, got[1] or '', turn), 'KEEPTTL')
else
  call('SET', KEYS[2], pack(2, at, go, keeps, 0, cost, exposed, got[1] or '', math.max(turn, a[14])), 'PX', life)
  if status == 1 then call('ZREM', due, KEYS[2]) end
end
return done()
