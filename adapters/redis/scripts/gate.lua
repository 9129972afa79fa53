-- gate returns nothing if the group's state is the one that the caller knows, and else what to reply.
local function gate(state, version, want, budgets, now)
  if state == want then return nil end
  if not state then
    call('SET', KEYS[1], version .. ' empty')
    if budgets then return pack(2, now) end
    return nil
  end
  local v, open = string.match(state, '^(%S+) ?(%S*)')
  if v ~= version then return pack(3, now, state) end
  if not budgets then return nil end
  if open ~= 'ok' then return pack(2, now) end
  return pack(6, now, state)
end
