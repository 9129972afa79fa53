-- Writes anew what was spent. KEYS: state, then by what is done:
-- ARGV[1] 'begin', version, token, how long the caller may take (µs): replies {0, now, state} if budgets are open, {3, now, state} if
-- the keys are of another version, {8, now} if another process is at it, and else {9, now}.
-- ARGV[1] 'end', version, token: opens budgets. Replies {9, now}, or {8, now} if the caller took too long.
-- ARGV[1] 'budget', version, token, array: KEYS[2], [3] and [4] are a budget, its slices and the idle keys. The array has kind, 4 numbers of its
-- window, and then windows or slices, each with what was spent in it and the part that may not have been charged.
-- ARGV[1] 'records', version, token, array: KEYS from [2] on are records of attempts, and the array has for each: when it was
-- admitted, what it cost, the part that may not have been charged, and the record's life (ms).

local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local what, version, token = ARGV[1], ARGV[2], ARGV[3]
local state = call('GET', KEYS[1])
local v, word, data, till = string.match(state or '', '^(%S+) (%S+) ?(%S*) ?(%S*)$')
local mine = word == 'rebuilding' and data == token

if what == 'begin' then
  if state and v ~= version then return pack(3, now, state) end
  if word == 'ok' then return pack(0, now, state) end
  if word == 'rebuilding' and not mine and tonumber(till) > now then return pack(8, now) end
  call('SET', KEYS[1], version .. ' rebuilding ' .. token .. ' ' .. string.format('%.0f', now + ARGV[4]))
  return pack(9, now)
end
if not mine then return pack(8, now) end
if what == 'end' then
  call('SET', KEYS[1], version .. ' ok ' .. token)
  return pack(9, now)
end
local a = {cmsgpack.unpack(ARGV[4] or '')}
if what == 'budget' then
  local win, _, _, _, ends = account(KEYS[2], KEYS[3], nil, a, 1, now)
  if not win then return pack(4, now) end
  call('DEL', KEYS[3]) -- the step may be made again
  local spent, exposed = 0, 0
  for i = 6, #a, 3 do
    if a[1] == 0 and a[i] == win then
      spent, exposed = a[i + 1], a[i + 2]
    elseif a[1] == 1 and a[i] >= win - a[3] then
      local n = math.min(a[i], win)
      spent, exposed = spent + a[i + 1], exposed + a[i + 2]
      call('HINCRBY', KEYS[3], string.format('%.0f', n), string.format('%.0f', a[i + 1]))
      if a[i + 2] ~= 0 then call('HINCRBY', KEYS[3], 'x' .. string.format('%.0f', n), string.format('%.0f', a[i + 2])) end
      call('PEXPIRE', KEYS[3], ceil((ends - now) / 1000) + 3600000)
    end
  end
  call('SET', KEYS[2], stored(win, spent, exposed, 0, ends))
  watch(KEYS[4], KEYS[2], now)
  return pack(9, now)
end
local open = version .. ' ok ' .. token
for i = 2, #KEYS do
  local p = (i - 2) * 4 + 1
  local old = call('GET', KEYS[i])
  local status, at, go, keep = 2, a[p], 0, ''
  if old then
    local s, t, g, k = cmsgpack.unpack(old)
    if s == 1 then status, at, go, keep = s, t, g, k end
  end
  call('SET', KEYS[i], pack(status, at, go, keep, 0, a[p + 1], a[p + 2], open), 'PX', a[p + 3])
end
return pack(9, now)
