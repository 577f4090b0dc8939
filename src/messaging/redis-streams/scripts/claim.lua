-- claim: takes over entries whose consumer has been silent for long.
-- ARGV[3]  least idle time in ms   ARGV[4]  the entry to begin at   ARGV[5]  most entries to take
-- returns  where to continue, the entries, and those that were trimmed and are no longer listed now
local taken = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], 'COUNT', ARGV[5])
return { taken[1], taken[2], taken[3] or {} }
