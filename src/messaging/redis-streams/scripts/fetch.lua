-- fetch: reads entries that nobody received yet, unless the consumer has to look for lost ones first.
-- KEYS[2]   up to which entry the group has delivered entries (given), and up to which it may have (maybe): it outlives
--           the group, which may be removed and created again, or be set back. `to:` and a consumer: the last entry
--           that was read for it
-- ARGV[3]   most entries to read   ARGV[4]  how many entries the consumer knows to be its own
-- ARGV[5]   the last entry that it was told was read for it
-- returns   given, maybe and the entries; or only the last entry that was read for it
--
-- An answer can be lost after its entries were assigned. Reading on would put later messages before them. Their number
-- alone does not show it: a client that lost its connection asks again in the same words, after it has acknowledged others.
local mine = 'to:' .. ARGV[2]
local known = redis.call('HMGET', KEYS[2], 'given', 'maybe', mine)
local given, maybe, last_read = known[1], known[2], known[3]
if last_read and last_read ~= ARGV[5] then return { last_read } end
for _, flat in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local one = fields_of(flat)
  if one.name == ARGV[2] and one.pending > tonumber(ARGV[4]) then return { last_read or '' } end
end
local function is_longer(a, b)
  return #a > #b or (#a == #b and a > b)
end
-- Entry ids are two numbers of up to 64 bits, which a Lua number cannot hold.
local function is_later(a, b)
  local a_time, a_number = a:match('(%d+)-(%d+)')
  local b_time, b_number = b:match('(%d+)-(%d+)')
  if a_time == b_time then return is_longer(a_number, b_number) end
  return is_longer(a_time, b_time)
end
if not given or not maybe then
  -- Somebody else's group, or one that was lost together with this key: it may have delivered all there is.
  local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
  given, maybe = '0-0', #last == 1 and last[1][1] or '0-0'
  redis.call('HSET', KEYS[2], 'given', given, 'maybe', maybe)
end
local read = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[3], 'STREAMS', KEYS[1], '>')
local entries = read and read[1][2] or {}
if #entries > 0 then
  local last = entries[#entries][1]
  redis.call('HSET', KEYS[2], mine, last, 'given', is_later(last, given) and last or given)
end
return { given, maybe, entries }
