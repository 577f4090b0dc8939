-- make: the group, before the first entry, and the stream if need be.
-- KEYS[2]   what is known of entries handed out, see `fetch`
-- ARGV[3]   1: the consumer had found the group there before
-- returns   1, or 0 when the group was there
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if made.err then
  if made.err:find('BUSYGROUP', 1, true) then return 0 end
  return made
end
-- Nothing was known of it, and it was not there: it is the first of its name.
if ARGV[3] ~= '1' and redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('HSET', KEYS[2], 'given', '0-0', 'maybe', '0-0')
end
return 1
