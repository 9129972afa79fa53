-- Counts anew what was spent of some budgets.
--
-- KEYS: state, lock, then by what is done. ARGV: what, version, token of the caller; then, except for 'begin' and 'look', the state
-- as it is to be afterwards, and as 'begin' has replied it.
-- 'begin', and how long the caller may take until its next step (ms); KEYS from [3] on are marks of budgets. Replies {0, now, state}
-- if all these budgets are open, {3, now, state} if the keys are of another version, {8, now} if another process is at it, and else
-- {9, now, state, ...} with the places of the budgets that are closed, from 0.
-- 'look' does the same without beginning, and replies {2, now, state, ...} if some are closed.
-- The other steps reply {9, now}, or {8, now} if the caller took too long, or the state is another:
-- 'budget', and an array: KEYS[3], [4] and [5] are a budget, its slices and what is due. The array has kind, 4 numbers of its window,
-- and then windows or slices, each with what was spent in it and the part that may not have been charged.
-- 'records', and an array: KEYS from [3] on are records of attempts, and the array has for each: when it was admitted, what it cost,
-- the part that may not have been charged, the record's life (ms), and what it keeps.
-- 'end' opens the budgets whose marks are KEYS from [3] on.

local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local what, version, token = ARGV[1], ARGV[2], ARGV[3]
local state = call('GET', KEYS[1]) or version .. ' empty'
local v, word = string.match(state, '^(%S+) ?(%S*)')
if v ~= version then return pack(3, now, state) end
local owner = call('GET', KEYS[2])

-- closed returns the places of the marks that do not say that a budget is open in a state.
local function closed(open)
  local list = {}
  for i = 3, #KEYS do
    if call('GET', KEYS[i]) ~= open then list[#list + 1] = i - 3 end
  end
  return list
end

if what == 'begin' or what == 'look' then
  local list = closed(word == 'ok' and state or '')
  if #list == 0 then return pack(0, now, state) end
  local code = 2
  if what == 'begin' then
    if owner and owner ~= token then return pack(8, now) end
    call('SET', KEYS[2], token, 'PX', ARGV[4])
    code = 9
  end
  return pack(code, now, state, unpack(list))
end
local open = ARGV[4]
if what == 'end' and state == open and #closed(open) == 0 then return pack(9, now) end -- the step is made again
if owner ~= token or state ~= ARGV[5] then return pack(8, now) end
if what == 'end' then
  call('SET', KEYS[1], open)
  for i = 3, #KEYS do call('SET', KEYS[i], open) end
  call('DEL', KEYS[2])
  return pack(9, now)
end
local a = {read(ARGV[6] or '')}
if what == 'budget' then
  local stored, account
  --include money.lua
  local win, _, _, _, ends = account(KEYS[3], KEYS[4], nil, a, 1, now)
  if not win then return pack(4, now) end
  call('DEL', KEYS[4]) -- the step may be made again
  local spent, exposed = 0, 0
  for i = 6, #a, 3 do
    if a[1] == 0 and a[i] == win then
      spent, exposed = a[i + 1], a[i + 2]
    elseif a[1] == 1 and a[i] >= win - a[3] then
      local n = math.min(a[i], win)
      spent, exposed = spent + a[i + 1], exposed + a[i + 2]
      call('HINCRBY', KEYS[4], string.format('%.0f', n), string.format('%.0f', a[i + 1]))
      if a[i + 2] ~= 0 then call('HINCRBY', KEYS[4], 'x' .. string.format('%.0f', n), string.format('%.0f', a[i + 2])) end
      call('PEXPIRE', KEYS[4], ceil((ends - now) / 1000) + 3600000)
    end
  end
  call('SET', KEYS[3], stored(win, spent, exposed, 0, ends))
  call('ZADD', KEYS[5], now + soon, KEYS[3])
  return pack(9, now)
end
for i = 3, #KEYS do
  local p = (i - 3) * 5 + 1
  local old = call('GET', KEYS[i])
  local status, at, go, keep, turn, data = 2, a[p], 0, a[p + 4], 0, ''
  if old then
    local s, t, g, k, _, _, _, d, n = read(old)
    turn, data = n, d
    if s == 1 then status, at, go, keep = s, t, g, k end
  end
  -- A record of the data that goes on is what other budgets rely on.
  if data ~= open then
    call('SET', KEYS[i], pack(status, at, go, keep, 0, a[p + 1], a[p + 2], open, turn), 'PX', a[p + 3])
  end
end
return pack(9, now)
