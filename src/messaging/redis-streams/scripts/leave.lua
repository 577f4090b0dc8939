-- leave: removes consumers that have nothing: this one, and those that were named by us and died long ago.
-- ARGV[3]  how our names begin   ARGV[4]  after so many ms without a word
--
-- To remove a consumer forgets what it was given, so one that has something stays.
for _, flat in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local one = fields_of(flat)
  local dead = one.name:sub(1, #ARGV[3]) == ARGV[3] and one.idle > tonumber(ARGV[4])
  if one.pending == 0 and (one.name == ARGV[2] or dead) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], one.name)
  end
end
return 1
