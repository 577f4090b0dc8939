// Written by scripts/generate-lua.mjs from the Lua files beside it. Do not edit.

export const SOURCE = {
  ack: `local acked = {}
for i = 4, #ARGV do
  local ours = is_ours(ARGV[i])
  if ours then
    redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
    if ARGV[3] == '1' then redis.call('XDEL', KEYS[1], ARGV[i]) end
  end
  acked[#acked + 1] = ours and 1 or 0
end
return acked
`,
  back: `for i = 4, #ARGV, 2 do
  if is_ours(ARGV[i]) then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[3], 0, ARGV[i], 'IDLE', ARGV[i + 1], 'JUSTID')
  end
end
return 1
`,
  bury: `local ours = ARGV[5] == '1' or is_ours(ARGV[3])
if not ours then return 0 end
redis.call('XADD', KEYS[2], '*', unpack(ARGV, 6))
if ARGV[5] ~= '1' then
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
  if ARGV[4] == '1' then redis.call('XDEL', KEYS[1], ARGV[3]) end
end
return 1
`,
  claim: `local taken = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], 'COUNT', ARGV[5])
return { taken[1], taken[2], taken[3] or {} }
`,
  fetch: `local mine = 'to:' .. ARGV[2]
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
local function is_later(a, b)
  local a_time, a_number = a:match('(%d+)-(%d+)')
  local b_time, b_number = b:match('(%d+)-(%d+)')
  if a_time == b_time then return is_longer(a_number, b_number) end
  return is_longer(a_time, b_time)
end
if not given or not maybe then
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
`,
  keep: `local function is_there(id)
  return #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1) == 1 or #redis.call('XRANGE', KEYS[1], id, id) == 1
end
local kept = {}
for i = 3, #ARGV do
  local id = ARGV[i]
  local ours = is_ours(id)
  if ours and #redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'IDLE', 0, 'JUSTID') == 1 then
    kept[#kept + 1] = 1
  else
    kept[#kept + 1] = not ours and is_there(id) and 0 or 2
  end
end
return kept
`,
  leave: `for _, flat in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local one = fields_of(flat)
  local dead = one.name:sub(1, #ARGV[3]) == ARGV[3] and one.idle > tonumber(ARGV[4])
  if one.pending == 0 and (one.name == ARGV[2] or dead) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], one.name)
    redis.call('HDEL', KEYS[2], 'to:' .. one.name)
  end
end
return 1
`,
  make: `local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if made.err then
  if made.err:find('BUSYGROUP', 1, true) then return 0 end
  return made
end
if ARGV[3] ~= '1' and redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('HSET', KEYS[2], 'given', '0-0', 'maybe', '0-0')
end
return 1
`,
  own: `local read = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[4], 'STREAMS', KEYS[1], ARGV[3])
return read and read[1][2] or {}
`,
  owner: `local function is_ours(id)
  return #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2]) == 1
end
local function fields_of(flat)
  local fields = {}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return fields
end
`,
} as const
