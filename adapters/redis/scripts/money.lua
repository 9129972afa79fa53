-- stored returns the value of a budget whose window ends at till.
function stored(win, spent, exposed, held, till)
  till = till + 3600000000
  if held > 0 then till = till + month end
  return pack(till, win, spent, exposed, held)
end

-- account returns the state of a budget at the time now: its window, what is spent, the part of that which may not have been
-- charged, what is held, and when the window ends, in microseconds. Nothing if the time is not within the caller's windows.
-- A sliding window is made of slices; what is spent in each is a field of a hash. Slices that have left the window are dropped,
-- and then the state is written at once: the caller may go on to refuse.
function account(key, slices, text, a, p, now)
  local win, spent, exposed, held = 0, 0, 0, 0
  local _
  if text then _, win, spent, exposed, held = read(text) end
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
