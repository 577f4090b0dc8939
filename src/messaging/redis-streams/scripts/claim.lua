-- claim: takes over what its consumer has not spoken of for long.
-- ARGV[3]  for so many ms   ARGV[4]  from this entry   ARGV[5]  at most so many
-- returns  where to go on, the entries, and those that were trimmed and are forgotten now
local taken = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], 'COUNT', ARGV[5])
return { taken[1], taken[2], taken[3] or {} }
