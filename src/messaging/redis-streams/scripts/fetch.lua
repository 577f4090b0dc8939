-- fetch: what nobody was given yet, unless the consumer has to look for something first.
-- ARGV[3]  at most so many   ARGV[4]  how many entries the consumer knows to be its own
-- returns  the entries, or how many the group lists as its own
--
-- An answer can be lost after the entries in it were assigned. To read on would put later messages before them.
for _, flat in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local one = fields_of(flat)
  if one.name == ARGV[2] and one.pending > tonumber(ARGV[4]) then return one.pending end
end
local read = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[3], 'STREAMS', KEYS[1], '>')
return read and read[1][2] or {}
