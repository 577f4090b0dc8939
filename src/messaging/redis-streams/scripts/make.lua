-- make: the group, before the first entry, and the stream if need be.
-- returns  the last entry that was there when it was made, or nothing when the group was there
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if made.err then
  if made.err:find('BUSYGROUP', 1, true) then return false end
  return made
end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
return #last == 1 and last[1][1] or '0-0'
