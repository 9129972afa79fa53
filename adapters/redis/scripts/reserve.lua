-- Takes from all limits and budgets of an attempt, or from none.
--
-- KEYS: state, record, limits, budgets, their marks, [sequence if there are budgets], what is due, slices of the budgets.
-- a: 1 version, 2 known state, 3 what the record keeps for those who end the attempt if its process dies, 4 lease (µs; 0: none),
-- 5 how far ahead a rate may be taken (µs), 6 force: 1 takes without asking, 7 the record's life (ms) if there is no lease, 8 what to hold
-- (nanodollars), 9 limits, 10 budgets, 11 and 12 sequence that is known to be there and that of this call,
-- 13 turn: a number that rises with each wait; from 14 each limit:
-- n, n times (place in its state, rate, burst, amount), day: 0, or 1 and 4 times, requests, their limit, tokens, their limit;
-- concurrency; and each budget: kind, 4 numbers of its window, cap, and how much may be spent before it refuses all but the
-- cheapest tier, -1: any.
--
-- Replies {0, now, wait, at, spent...} if it is granted: at is when it was, the attempt may be sent after wait, and spent is what is
-- spent of each budget. {1, now, why, budget,
-- spent, held, frees, limit, wait, full} if it is not: why is 0, or 4 spent, 5 held, 6 only the cheapest tier; limit is the one
-- that opens last by time alone, and full is one whose permits are all out. {2, now}: budgets are closed. {3, now, state}: another
-- version. {4, now}: the windows do not fit Redis's time. {5, now}: the attempt was cancelled. {6, now, state}: the data is not
-- that which the caller knows. {10, now}: the rows of a budget have not been counted since the data is new, as its mark says. {11,
-- now}: the attempt is under way, and holds something else.
--
-- An attempt that is under way takes nothing more. Nor does one that has ended, or was cancelled, in the same turn or a later one:
-- then this script is late. In a turn after that, it takes anew.

local a = {read(ARGV[1])}
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local nl, nb, force = a[9], a[10], a[6] == 1
local first = 2 + nl -- the last key before the budgets
local last = first + 2 * nb
if nb > 0 then last = last + 1 end
local got = call('MGET', unpack(KEYS, 1, last))

if got[1] ~= a[2] then
  --include gate.lua
  local reply = gate(got[1], a[1], a[2], nb > 0, now)
  if reply then return reply end
end
local stored, account, seq
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
  seq = pack(now + 86400000000, math.max(known, a[12]))
  --include money.lua
end
if got[2] then
  local status, at, go, keep, _, _, _, _, turn = read(got[2])
  if status == 1 and not force and keep ~= a[3] then return pack(11, now) end
  if force or status == 1 or turn >= a[13] then
    if status == 3 then return pack(5, now) end
    if nb > 0 then
      call('SET', KEYS[last], seq)
      if not got[last] then call('ZADD', KEYS[last + 1], now + soon, KEYS[last]) end
    end
    return pack(0, now, math.max(0, go - now), at)
  end
end

local p = 14
local ahead = a[5]
local refused = false
local wait, limit, full = 0, 0, 0
local writes, w = {'MSET'}, 1
for k = 1, nl do
  local s
  if got[2 + k] then s = {read(got[2 + k])} else s = {0, now, 0} end
  local drain = now - s[2]
  if drain < 0 then drain = 0 end
  if not force then s[2] = now end
  local life = 0
  local n = a[p]
  p = p + 1
  for _ = 1, n do
    local at, rate, amount = a[p], a[p + 1], a[p + 3]
    for i = #s + 1, at do s[i] = 0 end
    local short = s[at] - rate * drain
    if short < 0 then short = 0 end
    if amount > 0 then
      local over = short
      if amount < a[p + 2] then over = short + (amount - a[p + 2]) * U end
      if over > 0 then
        local t = ceil(over / rate)
        if t > ahead then refused = true end
        if t > wait then wait, limit = t, k end
      end
      short = short + amount * U
    end
    s[at] = short
    if short > life * rate then life = short / rate end
    p = p + 4
  end
  if a[p] == 1 then
    for i = #s + 1, 10 do s[i] = 0 end
    local from, till = pick(a, p + 1, now)
    if not from then return pack(4, now) end
    if from > s[8] then s[8], s[9], s[10] = from, 0, 0 end
    if not force and (a[p + 6] > 0 and a[p + 5] > 0 and s[9] + a[p + 5] > a[p + 6]
        or a[p + 8] > 0 and a[p + 7] > 0 and s[10] + a[p + 7] > a[p + 8]) then
      refused = true
      local t = till * 1000000 - now
      if t > wait then wait, limit = t, k end
    end
    s[9], s[10] = s[9] + a[p + 5], s[10] + a[p + 7]
    life = math.max(life, till * 1000000 - now)
    p = p + 8
  end
  p = p + 1
  if a[p] > 0 then
    if not force and s[3] >= a[p] then
      refused = true
      if full == 0 then full = k end
    end
    s[3] = s[3] + 1
    life = month
  end
  p = p + 1
  s[1] = now + ceil(life)
  writes[w + 1], writes[w + 2] = KEYS[2 + k], pack(unpack(s))
  w = w + 2
end

local most = a[8]
local why, which, wspent, wheld, frees = 0, 0, 0, 0, 0
local spents = {0, now, 0, now}
for k = 1, nb do
  local key, slices = KEYS[first + k], KEYS[last + 1 + k]
  local win, spent, exposed, held, till = account(key, slices, got[first + k], a, p, now)
  if not win then return pack(4, now) end
  local cap, only = a[p + 5], a[p + 6]
  if not force and most > 0 then
    local w = 0
    if only >= 0 and spent >= only then w = 6
    elseif spent + most > cap then w = 4
    elseif spent + held + most > cap then w = 5 end
    if w > 0 then refused = true end
    -- What must be said before the rest: the tier, then what is spent, then what is held.
    if w == 6 and why ~= 6 or w == 4 and why ~= 6 and why ~= 4 or w == 5 and why == 0 then
      why, which, wspent, wheld, frees = w, k, spent, held, 0
      if w == 4 and most <= cap then
        frees = till
        if a[p] == 1 then
          local slice, count = a[p + 1], a[p + 2]
          local all, left = call('HGETALL', slices), spent
          local list = {}
          for i = 1, #all, 2 do
            if string.sub(all[i], 1, 1) ~= 'x' then list[#list + 1] = {tonumber(all[i]), tonumber(all[i + 1])} end
          end
          table.sort(list, function(x, y) return x[1] < y[1] end)
          for i = 1, #list do
            left = left - list[i][2]
            if left + most <= cap then
              frees = (list[i][1] + count + 1) * slice
              break
            end
          end
        end
      end
    end
  end
  spents[4 + k] = spent
  writes[w + 1], writes[w + 2] = key, stored(win, spent, exposed, held + most, till)
  w = w + 2
  p = p + 7
end
if refused then return pack(1, now, why, which, wspent, wheld, frees, limit, wait, full) end

if nb > 0 then
  writes[w + 1], writes[w + 2] = KEYS[last], seq
  w = w + 2
end
if a[4] > 0 then -- a lease: what is due ends the record, which needs no life of its own
  writes[w + 1], writes[w + 2] = KEYS[2], pack(1, now, now + wait, a[3], most, 0, 0, got[1] or '', a[13])
  call(unpack(writes))
  call('ZADD', KEYS[last + 1], now + a[4], KEYS[2])
else
  call(unpack(writes))
  call('SET', KEYS[2], pack(1, now, now + wait, '', 0, 0, 0, '', a[13]), 'PX', a[7])
end
for k = 3, last do
  if not got[k] then call('ZADD', KEYS[last + 1], now + soon, KEYS[k]) end
end
if nb == 0 then return pack(0, now, wait, now) end
spents[3] = wait
return pack(unpack(spents))
