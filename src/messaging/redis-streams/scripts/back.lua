-- back: gives entries to a placeholder consumer, with the idle time that lets others take them over when due.
-- ARGV[3]  that consumer   ARGV[4], ARGV[5], …  an entry and its idle time in ms
for i = 4, #ARGV, 2 do
  if is_ours(ARGV[i]) then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[3], 0, ARGV[i], 'IDLE', ARGV[i + 1], 'JUSTID')
  end
end
return 1
