-- Reads how a budget stands. KEYS: state, the budget, its slices, its mark. ARGV[1] packs: version, kind, 4 numbers of its window.
-- Replies {0, now, spent, exposed, held}. {2, now}: budgets are closed. {3, now, state}: another version. {4, now}: the windows
-- do not fit Redis's time. {10, now}: its rows have not been counted since the data is new.

local a = {read(ARGV[1])}
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local state = call('GET', KEYS[1])
local version, open = string.match(state or '', '^(%S+) ?(%S*)')
if version and version ~= a[1] then return pack(3, now, state) end
if open ~= 'ok' then return pack(2, now) end
if call('GET', KEYS[4]) ~= state then return pack(10, now) end
local stored, account
--include money.lua
local text = call('GET', KEYS[2])
local win, spent, exposed, held, till = account(KEYS[2], KEYS[3], text, a, 2, now)
if not win then return pack(4, now) end
return pack(0, now, spent, exposed, held)
