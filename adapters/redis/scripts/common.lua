-- What the scripts share. KEYS[1] is the group's state: the version of the layout, "ok" or why budgets are closed, and which
-- data it is. KEYS[2] is the attempt's record. ARGV[1] is numbers and texts in MessagePack, which are the array a. A reply is
-- numbers in MessagePack, too.
--
-- The values of limits, budgets and sequences begin with the time at which they may be forgotten, in microseconds. They have no
-- time to live, because MSET, which writes all of them at once, takes none: the sorted set of what is due says when to look at
-- each. See sweep.lua.
--
-- The scripts are made for speed. A call of Redis's costs about a microsecond, and each function that is defined some tenths of
-- one. So they define those that they seldom need where they need them: "include" stands for the text of a file.
--
-- The state of a limit is: 1 when it may be forgotten; 2 when it was last changed; 3 how many permits are out; what its buckets
-- are short of, in 4 requests, 5 tokens, 6 input and 7 output; 8 the day, and its 9 requests and 10 tokens. Zeros at its end may
-- be left out.

local call, pack, read, ceil, floor = redis.call, cmsgpack.pack, cmsgpack.unpack, math.ceil, math.floor

local U = 60000000 -- microseconds in a minute: what a bucket is short of is in tokens times this, which is exact
local month = 2678400000000 -- 31 days, in microseconds: for so long a permit or money that is held is not forgotten
local soon = 600000000 -- after which a new key is looked at: see sweep.lua

-- pick returns which of three windows the time t is in, as its start and its end in seconds: a[p] to a[p+3] are where they
-- begin and end.
local function pick(a, p, t)
  t = floor(t / 1000000)
  for i = p, p + 2 do
    if t >= a[i] and t < a[i + 1] then return a[i], a[i + 1] end
  end
end
