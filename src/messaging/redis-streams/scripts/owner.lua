-- Put before every script: a consumer may only change an entry that the group still lists as its own.
-- KEYS[1]  the stream
-- ARGV[1]  the group   ARGV[2]  the consumer
local function is_ours(id)
  return #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2]) == 1
end
local function fields_of(flat)
  local fields = {}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return fields
end
