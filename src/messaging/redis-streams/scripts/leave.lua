-- leave: removes consumers without entries: this one, and those with generated names that died long ago.
-- KEYS[2]  what was read for them, see `fetch`
-- ARGV[3]  prefix of generated names   ARGV[4]  silence in ms after which a consumer is dead
--
-- Removing a consumer forgets its entries, so one that has entries stays.
for _, flat in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local one = fields_of(flat)
  local dead = one.name:sub(1, #ARGV[3]) == ARGV[3] and one.idle > tonumber(ARGV[4])
  if one.pending == 0 and (one.name == ARGV[2] or dead) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], one.name)
    redis.call('HDEL', KEYS[2], 'to:' .. one.name)
  end
end
return 1
