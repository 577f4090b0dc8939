-- make: creates the group, before the first entry, and the stream if it is missing.
-- KEYS[2]   what is known of delivered entries, see `fetch`
-- ARGV[3]   1: the consumer has found the group before
-- returns   1, or 0 when the group existed
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if made.err then
  if made.err:find('BUSYGROUP', 1, true) then return 0 end
  return made
end
-- Neither the group nor this key existed: it is the first group of its name.
if ARGV[3] ~= '1' and redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('HSET', KEYS[2], 'given', '0-0', 'maybe', '0-0')
end
return 1
